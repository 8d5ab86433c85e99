#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "client/ingest_command.h"
#include "client/query_command.h"
#include "common/settings.h"
#include "demo/demo.h"
#include "main/check_command.h"
#include "main/serve.h"

namespace {

using namespace rivulet;

constexpr const char* kServerHelp = "URL of the server";

void add_serve(CLI::App& app, ServeArguments& arguments) {
  CLI::App* serve = app.add_subcommand("serve", "Run the server");
  serve->footer(
      "Settings come from --config, then these flags, then RIVULET_<NAME> in the environment; the "
      "later\n"
      "wins. docs/configuration.md describes each. SIGTERM or Ctrl-C ends the server in good "
      "order.");
  serve->add_option("--config", arguments.config_file,
                    "TOML file with settings (or RIVULET_CONFIG)");
  for (const SettingDescription& setting : describe_settings()) {
    std::string flag = "--" + std::string(setting.name);
    std::replace(flag.begin(), flag.end(), '_', '-');
    std::string text(setting.description);
    std::erase(text, '`');
    serve
        ->add_option_function<std::string>(
            flag,
            [&arguments, name = std::string(setting.name)](const std::string& value) {
              arguments.flags[name] = value;
            },
            fmt::format("{} [{}]", text, setting.default_text))
        ->type_name(std::string(setting.unit))
        ->group(std::string(setting.group));
  }
}

void add_query(CLI::App& app, client::QueryArguments& arguments) {
  CLI::App* query = app.add_subcommand("query", "Run a KQL query or a management command");
  query->footer(
      "Examples:\n  rivulet query 'Readings | summarize count() by Device'\n"
      "  rivulet query '.show tables'\n  rivulet query --format csv - < query.kql");
  query->add_option("--server,--url", arguments.server, kServerHelp)
      ->envname("RIVULET_SERVER")
      ->capture_default_str();
  query->add_option("--db", arguments.database, "Database")->capture_default_str();
  query->add_option("--format", arguments.format, "How rows are printed")
      ->check(CLI::IsMember({"table", "json", "csv"}))
      ->capture_default_str();
  query->add_option("--token", arguments.token, "Bearer token")->envname("RIVULET_TOKEN");
  query->add_option("text", arguments.text, "The query or command; - reads it from standard input")
      ->required();
}

void add_ingest(CLI::App& app, client::IngestArguments& arguments) {
  CLI::App* ingest = app.add_subcommand("ingest", "Stream files into a table");
  ingest->footer(
      "A file of any size is sent in requests that fit the server's limit, split between records. "
      "When the\n"
      "command ends with status 0, every row is durable. A request that fails is named with its "
      "place in\n"
      "the file: the rows before it are in the table.");
  ingest->add_option("--server,--url", arguments.server, kServerHelp)
      ->envname("RIVULET_SERVER")
      ->capture_default_str();
  ingest->add_option("--db", arguments.database, "Database")->capture_default_str();
  ingest->add_option("--table", arguments.table, "Table")->required();
  ingest
      ->add_option("--format", arguments.format,
                   "Data format: csv, tsv, psv, scsv, json, multijson, …")
      ->capture_default_str();
  ingest->add_option("--mapping", arguments.mapping, "Name of an ingestion mapping of the table");
  ingest->add_option("--request-size", arguments.request_size, "Largest request, in bytes")
      ->capture_default_str();
  ingest->add_option("--token", arguments.token, "Bearer token")->envname("RIVULET_TOKEN");
  ingest->add_option("files", arguments.files, "Files; - is standard input")->required();
}

void add_check(CLI::App& app, CheckArguments& arguments) {
  CLI::App* check = app.add_subcommand("check", "Verify a data directory that no server has open");
  check->footer(
      "Reads the checkpoint, the log and the row files, and looks for every extent; changes "
      "nothing. Exit\n"
      "status 0: all is well, 1: damage was found, 2: it could not be checked.");
  check->add_option("--data", arguments.data, "The directory")->capture_default_str();
}

void add_demo(CLI::App& app, demo::DemoArguments& arguments) {
  CLI::App* demo =
      app.add_subcommand("demo", "Stream this host's metrics into a hundred tables and query them");
  demo->add_option("--server,--url", arguments.server, kServerHelp)
      ->envname("RIVULET_SERVER")
      ->capture_default_str();
  demo->add_option("--db", arguments.database, "Database")->capture_default_str();
  demo->add_option("--token", arguments.token, "Bearer token")->envname("RIVULET_TOKEN");
  demo->add_option(
      "--kafka", arguments.kafka,
      "HOST:PORT of a Kafka broker: the rows are sent to a topic there, and a data connection of "
      "the server stores them");
  demo->add_option("--seconds", arguments.seconds, "Ends after this time; 0: with Ctrl-C")
      ->capture_default_str();
  demo->add_option("--report-seconds", arguments.report_seconds, "Time between two queries")
      ->capture_default_str();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Rivulet: an analytics database for very many small streams, with the Kusto API.",
               "rivulet");
  app.set_version_flag("--version", "rivulet " RIVULET_VERSION);
  app.require_subcommand(1);
  app.get_formatter()->column_width(36);
  ServeArguments serve;
  client::QueryArguments query;
  client::IngestArguments ingest;
  demo::DemoArguments demo;
  CheckArguments check;
  add_serve(app, serve);
  add_query(app, query);
  add_ingest(app, ingest);
  add_demo(app, demo);
  add_check(app, check);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    int status = app.exit(error);
    return status == 0 ? 0 : 2;
  }
  if (app.got_subcommand("serve")) return run_serve(serve);
  if (app.got_subcommand("query")) return client::run_query(query);
  if (app.got_subcommand("ingest")) return client::run_ingest(ingest);
  if (app.got_subcommand("check")) return run_check(check);
  return demo::run_demo(demo);
}
