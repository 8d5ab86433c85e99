// The names and types of result columns, as Microsoft's analyzer of KQL has them: it binds the same queries to the same
// tables as the server.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { Client, KustoConnectionStringBuilder } from "azure-kusto-data";

import { queries, tables } from "./analyzer_queries.js";
import { startServer } from "./server.js";

const database = "Analyzer";
let server;
let client;

before(async () => {
  server = await startServer();
  client = new Client(new KustoConnectionStringBuilder(server.url));
  await client.execute("NetDefaultDB", `.create database ${database} ifnotexists`);
  for (const [name, schema] of Object.entries(tables)) {
    await client.execute(database, `.create table ${name} ${schema}`);
  }
});
after(async () => {
  client?.close();
  await server?.stop();
});

// Both are scripts that put a global in place.
function loadAnalyzer() {
  const require = createRequire(import.meta.url);
  require("@kusto/language-service-next/bridge.js");
  require("@kusto/language-service-next/Kusto.Language.Bridge.js");
  const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;
  const symbols = Object.entries(tables).map(
    ([name, schema]) => new Symbols.TableSymbol.$ctor7(name, schema),
  );
  const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor(database, symbols));
  const typeName = (type) => (type instanceof Symbols.DynamicSymbol ? "dynamic" : type.Name);
  return (query) => {
    const code = KustoCode.ParseAndAnalyze(query, globals);
    const faults = globalThis.Bridge.toArray(code.GetDiagnostics())
      .filter((diagnostic) => diagnostic.Severity === "Error")
      .map((diagnostic) => diagnostic.Message);
    if (faults.length > 0) return faults;
    return globalThis.Bridge.toArray(code.ResultType.Columns).map(
      (column) => `${column.Name}:${typeName(column.Type)}`,
    );
  };
}

async function columnsOf(query) {
  try {
    const response = await client.execute(database, query);
    return response.primaryResults[0].columns.map((column) => `${column.name}:${column.type}`);
  } catch (error) {
    return [String(error.response?.data?.error?.["@message"] ?? error.message)];
  }
}

test(`${queries.length} queries have the columns that the analyzer gives them`, async () => {
  const analyze = loadAnalyzer();
  const differences = [];
  for (const query of queries) {
    const expected = analyze(query).join(", ");
    const got = (await columnsOf(query)).join(", ");
    if (got !== expected) differences.push({ query, expected, got });
  }
  assert.ok(queries.length > 0);
  assert.deepEqual(differences, []);
});
