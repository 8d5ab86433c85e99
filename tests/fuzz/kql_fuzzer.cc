// A query: parsed, bound and turned into SQL.
#include "common/error.h"
#include "input.h"
#include "kql/kql.h"

using namespace rivulet;

namespace {

std::shared_ptr<const catalog::Catalog> make_catalog() {
  std::shared_ptr<const catalog::Catalog> made = std::make_shared<catalog::Catalog>();
  made = made->apply(catalog::PutDatabase{1, Guid{0, 1}, "db", "", {}, {}});
  catalog::Table table = fuzz::table_of_every_type();
  made = made->apply(catalog::PutTable{table});
  table.id = 2;
  table.name = "U";
  made = made->apply(catalog::PutTable{table});
  return made->apply(
      catalog::PutFunction{1, {"F", "(x: long, y: string = 'z')", "{ T | where c > x }", "", ""}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::shared_ptr<const catalog::Catalog> kCatalog = make_catalog();
  kql::BindOptions options;
  options.database = "db";
  options.now = 638'000'000'000'000'000;
  try {
    kql::bind_query(fuzz::as_text(data, size), *kCatalog, options);
  } catch (const Error& error) {
    fuzz::require_presentable(error, fuzz::as_text(data, size));
  }
  return 0;
}
