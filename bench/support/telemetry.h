#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "catalog/catalog.h"
#include "ingest/ingest.h"

// The rows that the benchmarks of ingestion send: ten columns, about 120 bytes of CSV.
namespace rivulet::bench {

// "(timestamp:datetime, device:string, …)"
std::string telemetry_schema();
std::shared_ptr<const catalog::Table> telemetry_table();
std::string telemetry(ingest::Format format, size_t rows);

}  // namespace rivulet::bench
