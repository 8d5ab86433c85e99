#!/usr/bin/env python3
"""Holds a run of the KQL documentation cases against the list of those that pass.

    tests/conformance/check.py CASES.jsonl RESULT.json [--rewrite]

RESULT.json is what the cases' own runner writes with --json. Every case of `passing.txt` must pass. One that passes and is
not in the list is named, for --rewrite to add; it takes none away: that is a decision, to be made by hand.
The last line is `N passed, M failed`; the exit status is 1 when a listed case failed.
"""

import argparse
import json
import os
import sys

LIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "passing.txt")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases")
    parser.add_argument("result")
    parser.add_argument("--rewrite", action="store_true")
    arguments = parser.parse_args()

    with open(arguments.cases, encoding="utf-8") as file:
        asked = {json.loads(line)["id"] for line in file}
    with open(arguments.result, encoding="utf-8") as file:
        reasons = dict(json.load(file)["failed"])
    with open(LIST, encoding="utf-8") as file:
        listed = {line.strip() for line in file if line.strip()}

    passing = asked - reasons.keys()
    for case in sorted(listed & reasons.keys()):
        print(f"{case} does not pass any more: {reasons[case][:200]}")
    for case in sorted(listed - asked):
        print(f"{case} is in the list, but not among the cases")
    for case in sorted(passing - listed):
        print(f"{case} passes and is not in the list")
    if arguments.rewrite:
        with open(LIST, "w", encoding="utf-8") as file:
            file.write("".join(case + "\n" for case in sorted(listed | passing)))
    failed = len(listed & reasons.keys())
    print(f"{len(listed & passing)} passed, {failed} failed")
    return 1 if failed or not passing else 0


if __name__ == "__main__":
    sys.exit(main())
