#include "functions/text/regex/machine.h"

#include <algorithm>
#include <stdexcept>

#include "functions/native_call.h"
#include "functions/text/regex/characters.h"
#include "functions/utf8.h"

namespace rivulet::functions::regex {

namespace {

constexpr size_t kMaxInstructions = 50'000;
// Instructions times bytes of one run: some seconds.
constexpr size_t kMaxWork = size_t{1} << 29;
// What an instruction of a thread is counted as (count_work).
constexpr size_t kInstructionWork = 8;
// Instructions times the places that groups begin and end at: 64 MiB of them.
constexpr size_t kMaxCaptures = size_t{1} << 22;

// The character at a byte, which moves behind it. The text is valid UTF-8.
char32_t next_character(std::string_view text, size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0x80) return lead;
  char32_t character = lead & (lead >= 0xF0 ? 0x07 : lead >= 0xE0 ? 0x0F : 0x1F);
  for (; at < text.size() && is_continuation(text[at]); ++at)
    character = character << 6 | (static_cast<unsigned char>(text[at]) & 0x3F);
  return character;
}
char32_t character_before(std::string_view text, size_t at) {
  --at;
  while (at > 0 && is_continuation(text[at])) --at;
  return next_character(text, at);
}

bool may_be_empty(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kCharacter:
    case Node::Kind::kSet:
      return false;
    case Node::Kind::kConcatenation:
    case Node::Kind::kCapture:
      return std::all_of(node.children.begin(), node.children.end(), may_be_empty);
    case Node::Kind::kChoice:
      return std::any_of(node.children.begin(), node.children.end(), may_be_empty);
    case Node::Kind::kRepeat:
      return node.least == 0 || may_be_empty(node.children[0]);
    default:
      return true;
  }
}

bool holds(Assertion assertion, char32_t before, char32_t after, bool is_begin, bool is_end) {
  const auto is_word = [](char32_t c) {
    return word_characters().contains(static_cast<UChar32>(c)) != 0;
  };
  const auto is_ascii_word = [](char32_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const bool word_before = !is_begin && is_word(before), word_after = !is_end && is_word(after);
  const bool ascii_boundary =
      (!is_begin && is_ascii_word(before)) != (!is_end && is_ascii_word(after));
  switch (assertion) {
    case Assertion::kTextBegin:
      return is_begin;
    case Assertion::kTextEnd:
      return is_end;
    case Assertion::kLineBegin:
      return is_begin || before == '\n';
    case Assertion::kLineEnd:
      return is_end || after == '\n';
    case Assertion::kLineBeginCrlf:
      return is_begin || before == '\n' || (before == '\r' && (is_end || after != '\n'));
    case Assertion::kLineEndCrlf:
      return is_end || after == '\r' || (after == '\n' && (is_begin || before != '\r'));
    case Assertion::kWordBoundary:
      return word_before != word_after;
    case Assertion::kNotWordBoundary:
      return word_before == word_after;
    case Assertion::kAsciiWordBoundary:
      return ascii_boundary;
    case Assertion::kNotAsciiWordBoundary:
      return !ascii_boundary;
    case Assertion::kWordStart:
      return !word_before && word_after;
    case Assertion::kWordEnd:
      return word_before && !word_after;
    case Assertion::kWordStartHalf:
      return !word_before;
    case Assertion::kWordEndHalf:
      return !word_after;
  }
  return false;
}

}  // namespace

struct Machine::Position {
  size_t offset = 0;
  char32_t before = 0, after = 0;
  bool is_begin = true, is_end = true;
};

// The instructions that wait for a character, the preferred first, each with what it captured.
class Machine::Threads {
 public:
  Threads(size_t instructions, size_t slots)
      : places_(instructions), slots_(slots), captures_(instructions * slots) {
    order_.reserve(instructions);
  }
  bool contains(size_t instruction) const {
    const size_t place = places_[instruction];
    return place < order_.size() && order_[place] == instruction;
  }
  void mark(size_t instruction) {
    places_[instruction] = order_.size();
    order_.push_back(instruction);
  }
  void clear() { order_.clear(); }
  const std::vector<size_t>& order() const { return order_; }
  std::span<size_t> captures(size_t instruction) {
    return std::span(captures_).subspan(instruction * slots_, slots_);
  }

 private:
  std::vector<size_t> places_;
  std::vector<size_t> order_;
  size_t slots_;
  std::vector<size_t> captures_;
};

Machine::Machine(const Syntax& syntax) {
  slots_ = 2 * (static_cast<size_t>(syntax.groups) + 1);
  compile(syntax.root);
  add({});
}

size_t Machine::add(Instruction instruction) {
  if (program_.size() >= kMaxInstructions)
    throw std::length_error("the regular expression is too large");
  if (instruction.op != Op::kSplit && instruction.op != Op::kJump)
    instruction.next = program_.size() + 1;
  program_.push_back(instruction);
  return program_.size() - 1;
}

const icu::UnicodeSet* Machine::keep(CharacterSet set) {
  sets_.push_back(std::move(set));
  return sets_.back().get();
}

void Machine::compile(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kEmpty:
      return;
    case Node::Kind::kCharacter:
      if (node.ignores_case) {
        auto set = std::make_shared<icu::UnicodeSet>();
        set->add(static_cast<UChar32>(node.character));
        add_other_cases(*set);
        add({.op = Op::kSet, .set = keep(std::move(set))});
      } else {
        add({.op = Op::kCharacter, .character = node.character});
      }
      return;
    case Node::Kind::kSet:
      add({.op = Op::kSet, .set = keep(node.set)});
      return;
    case Node::Kind::kAssertion:
      add({.op = Op::kAssertion, .assertion = node.assertion});
      return;
    case Node::Kind::kCapture:
      add({.op = Op::kSave, .other = 2 * static_cast<size_t>(node.group)});
      compile(node.children[0]);
      add({.op = Op::kSave, .other = 2 * static_cast<size_t>(node.group) + 1});
      return;
    case Node::Kind::kConcatenation:
      for (const Node& child : node.children) compile(child);
      return;
    case Node::Kind::kChoice: {
      std::vector<size_t> jumps;
      for (size_t i = 0; i < node.children.size(); ++i) {
        const bool is_last = i + 1 == node.children.size();
        const size_t split = is_last ? 0 : add({.op = Op::kSplit});
        compile(node.children[i]);
        if (is_last) break;
        jumps.push_back(add({.op = Op::kJump}));
        program_[split].next = split + 1;
        program_[split].other = program_.size();
      }
      for (const size_t jump : jumps) program_[jump].next = program_.size();
      return;
    }
    case Node::Kind::kRepeat:
      compile_repeat(node);
      return;
  }
}

void Machine::compile_repeat(const Node& node) {
  const Node& child = node.children[0];
  const auto set_split = [&](size_t split, size_t enter, size_t leave) {
    program_[split].next = node.is_greedy ? enter : leave;
    program_[split].other = node.is_greedy ? leave : enter;
  };
  if (node.most < 0) {
    // x*, or where x may be empty (x+)?, which then takes part.
    const bool is_optional = node.least == 0 && may_be_empty(child);
    const size_t outer = node.least == 0 ? add({.op = Op::kSplit}) : 0;
    size_t last = program_.size();
    for (int i = 0; i < std::max(node.least, 1); ++i) {
      last = program_.size();
      compile(child);
    }
    if (node.least > 0 || is_optional) {
      const size_t again = add({.op = Op::kSplit});
      set_split(again, last, program_.size());
    } else {
      const size_t jump = add({.op = Op::kJump});
      program_[jump].next = outer;
    }
    if (node.least == 0) set_split(outer, outer + 1, program_.size());
    return;
  }
  for (int i = 0; i < node.least; ++i) compile(child);
  std::vector<size_t> splits;
  for (int i = node.least; i < node.most; ++i) {
    splits.push_back(add({.op = Op::kSplit}));
    compile(child);
  }
  for (const size_t split : splits) set_split(split, split + 1, program_.size());
}

bool Machine::run(std::string_view text, size_t from, bool is_anchored,
                  std::span<std::string_view> groups) const {
  if ((text.size() - from + 1) > kMaxWork / program_.size())
    throw std::length_error("the regular expression and a text it is matched with are too long");
  constexpr size_t kNone = std::string_view::npos;
  // What the answer needs no room for is not kept.
  const size_t slots = std::min(slots_, 2 * groups.size());
  if (program_.size() * slots > kMaxCaptures)
    throw std::length_error("the regular expression is too large for its groups");
  Threads now(program_.size(), slots), then(program_.size(), slots);
  std::vector<size_t> found, start(slots, kNone);
  bool has_match = false;

  // Follows what takes no character, the preferred way first.
  struct Step {
    size_t instruction;
    size_t slot;  // to be given back its value, where it is below kNone
    size_t value;
  };
  std::vector<Step> steps;
  const auto follow = [&](Threads& threads, size_t first, std::vector<size_t>& captures,
                          const Position& at) {
    steps.push_back({first, kNone, 0});
    while (!steps.empty()) {
      const Step step = steps.back();
      steps.pop_back();
      if (step.slot != kNone) {
        captures[step.slot] = step.value;
        continue;
      }
      if (threads.contains(step.instruction)) continue;
      threads.mark(step.instruction);
      const Instruction& instruction = program_[step.instruction];
      switch (instruction.op) {
        case Op::kJump:
          steps.push_back({instruction.next, kNone, 0});
          break;
        case Op::kSplit:
          steps.push_back({instruction.other, kNone, 0});
          steps.push_back({instruction.next, kNone, 0});
          break;
        case Op::kSave:
          if (instruction.other < slots) {
            steps.push_back({0, instruction.other, captures[instruction.other]});
            captures[instruction.other] = at.offset;
          }
          steps.push_back({instruction.next, kNone, 0});
          break;
        case Op::kAssertion:
          if (holds(instruction.assertion, at.before, at.after, at.is_begin, at.is_end))
            steps.push_back({instruction.next, kNone, 0});
          break;
        default:
          std::copy(captures.begin(), captures.end(), threads.captures(step.instruction).begin());
      }
    }
  };

  size_t offset = from;
  Position at{from, 0, 0, from == 0, from == text.size()};
  if (from > 0) at.before = character_before(text, from);
  for (;;) {
    at.offset = offset;
    at.is_end = offset == text.size();
    size_t next = offset;
    if (!at.is_end) at.after = next_character(text, next);
    if (!has_match && (!is_anchored || at.offset == from)) {
      std::fill(start.begin(), start.end(), kNone);
      if (slots > 0) start[0] = at.offset;
      follow(now, 0, start, at);
    }
    if (now.order().empty()) break;
    count_work(kInstructionWork * (1 + now.order().size()));
    then.clear();
    Position after = at;
    after.offset = next;
    after.before = at.after;
    after.is_begin = false;
    after.is_end = next == text.size();
    if (!after.is_end) {
      size_t beyond = next;
      after.after = next_character(text, beyond);
    }
    for (const size_t i : now.order()) {
      const Instruction& instruction = program_[i];
      if (instruction.op == Op::kMatch) {
        has_match = true;
        const auto captures = now.captures(i);
        found.assign(captures.begin(), captures.end());
        if (slots > 1) found[1] = at.offset;
        break;  // those behind it are less preferred
      }
      const bool takes =
          !at.is_end && ((instruction.op == Op::kCharacter && instruction.character == at.after) ||
                         (instruction.op == Op::kSet &&
                          instruction.set->contains(static_cast<UChar32>(at.after))));
      if (!takes) continue;
      const auto captures = now.captures(i);
      start.assign(captures.begin(), captures.end());
      follow(then, instruction.next, start, after);
    }
    std::swap(now, then);
    if (at.is_end || (has_match && slots == 0)) break;
    at = after;
    offset = next;
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    const bool is_set =
        has_match && 2 * i + 1 < found.size() && found[2 * i] != kNone && found[2 * i + 1] != kNone;
    groups[i] =
        is_set ? text.substr(found[2 * i], found[2 * i + 1] - found[2 * i]) : std::string_view();
  }
  return has_match;
}

}  // namespace rivulet::functions::regex
