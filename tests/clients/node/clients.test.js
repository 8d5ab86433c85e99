// Queries, commands and streaming ingestion with the official client for Node.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";

import { Client, ClientRequestProperties, KustoConnectionStringBuilder } from "azure-kusto-data";
import {
  CompressionType,
  DataFormat,
  FileDescriptor,
  IngestionMappingKind,
  ManagedStreamingIngestClient,
  StreamDescriptor,
  StreamingIngestClient,
} from "azure-kusto-ingest";

import { startServer } from "./server.js";

const database = "NodeClients";
let server;
let client;
let folder;
let tableNumber = 0;

before(async () => {
  server = await startServer();
  folder = mkdtempSync(join(tmpdir(), "rivulet-node-files-"));
  client = new Client(new KustoConnectionStringBuilder(server.url));
  await client.execute("NetDefaultDB", `.create database ${database} ifnotexists`);
});
after(async () => {
  client?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
  await server?.stop();
});

// More work than any test waits for.
const endless = `range x from 1 to 1000000 step 1 | extend k=1
  | join kind=inner (range y from 1 to 1000000 step 1 | extend k=1) on k | summarize max(x * y)`;

const rowsOf = (response) => response.primaryResults[0].toJSON().data;
const run = async (text, properties) => rowsOf(await client.execute(database, text, properties));
const count = async (table) => (await run(`${table} | count `))[0].Count;

async function newTable(columns = "(id:long, name:string)", streaming = true) {
  const table = `N${++tableNumber}`;
  await client.execute(database, `.create-merge table ${table} ${columns}`);
  if (streaming) await client.execute(database, `.alter table ${table} policy streamingingestion enable`);
  return table;
}

// What the call is refused with: the HTTP status and Kusto's error.
async function refusal(call) {
  try {
    await call();
  } catch (error) {
    assert.ok(error.response, `the error carries no answer: ${error}`);
    return { status: error.response.status, ...error.response.data.error };
  }
  assert.fail("the call succeeded");
}

describe("queries", () => {
  test("every type", async () => {
    const [row, nulls] = await run(`datatable(b:bool, i:int, l:long, r:real, d:decimal, t:datetime, s:timespan, g:guid, text:string, bag:dynamic) [
      true, int(1), 2, 2.5, decimal(2.00000000000001), datetime(2020-03-04T14:05:01.3109965Z), time(01:23:45.6789),
      guid(74be27de-1e4e-49d9-b579-fe0b331d3642), "åß漢字🎈", dynamic({"a":[1,null]}),
      bool(null), int(null), long(null), real(null), decimal(null), datetime(null), timespan(null), guid(null), "", dynamic(null)]`);
    assert.equal(row.b, true);
    assert.deepEqual([row.i, row.l, row.r], [1, 2, 2.5]);
    assert.equal(String(row.d), "2.00000000000001");
    assert.equal(row.t.toISOString(), "2020-03-04T14:05:01.310Z");
    assert.equal(row.g, "74be27de-1e4e-49d9-b579-fe0b331d3642");
    assert.equal(row.text, "åß漢字🎈");
    assert.deepEqual(row.bag, { a: [1, null] });
    assert.deepEqual([nulls.b, nulls.i, nulls.l, nulls.r, nulls.t, nulls.g, nulls.text, nulls.bag], [null, null, null, null, null, null, "", null]);
  });

  test("version 1", async () => {
    const response = await client.executeQueryV1(database, "print x=1, y='a'");
    assert.deepEqual(rowsOf(response), [{ x: 1, y: "a" }]);
  });

  test("several results", async () => {
    const response = await client.execute(database, "print x=1; print y=2");
    assert.deepEqual(response.primaryResults.map((table) => table.toJSON().data[0]), [{ x: 1 }, { y: 2 }]);
  });

  test("parameters and options", async () => {
    const properties = new ClientRequestProperties();
    properties.setParameter("text", "it's");
    properties.setParameter("number", 5);
    properties.setOption("additional", true);
    properties.setTimeout(60_000);
    const query = "declare query_parameters(text:string, number:long); print text=text, number=number";
    assert.deepEqual(await run(query, properties), [{ text: "it's", number: 5 }]);
  });

  test("a token over plain HTTP", async () => {
    const builder = KustoConnectionStringBuilder.withAccessToken(server.url, "a-token");
    const withToken = new Client(builder);
    assert.deepEqual(rowsOf(await withToken.execute(database, "print x=1")), [{ x: 1 }]);
    withToken.close();
  });

  test("the raw answer", async () => {
    const properties = new ClientRequestProperties();
    properties.raw = true;
    const raw = await client.execute(database, "print x=1", properties);
    const frames = typeof raw === "string" ? JSON.parse(raw) : raw;
    assert.equal(frames[0].FrameType, "DataSetHeader");
  });

  test("errors", async () => {
    const syntax = await refusal(() => client.execute(database, "invalidSyntax "));
    assert.equal(syntax.status, 400);
    assert.equal(syntax["@permanent"], true);
    const missing = await refusal(() => client.execute("Nonexistent", "print 1"));
    assert.equal(missing.code, "BadRequest_DatabaseNotExist");
    const semantic = await refusal(() => client.execute(database, "Nonexistent | take 1"));
    assert.match(semantic["@message"], /Semantic error: SEM0100/);
  });

  test("a timeout", async () => {
    const properties = new ClientRequestProperties();
    properties.setTimeout(1000);
    const error = await refusal(() => client.execute(database, endless, properties));
    assert.equal(error.status, 504);
    assert.equal(error.code, "RequestExecutionTimeout");
  });
});

describe("commands", () => {
  test("piped commands", async () => {
    const table = await newTable();
    const response = await client.execute(database, ".show tables | project TableName, DatabaseName");
    assert.equal(response.primaryResults.length, 1);
    assert.deepEqual(response.primaryResults[0].columns.map((column) => column.name), ["TableName", "DatabaseName"]);
    assert.ok(rowsOf(response).some((row) => row.TableName === table));
    const policy = await run(`.show database ${database}  policy retention | project ChildEntities, EntityType`);
    assert.equal(policy[0].EntityType, "Database");
  });

  test("84 tables at once", async () => {
    const names = Array.from({ length: 84 }, (_, i) => `Parallel${i}`);
    const mapping = `[\n  {"column":"id", "Properties":{"Path":"$.id"}},\n  {"column":"name", "Properties":{"Path":"$.name"}}\n]`;
    await Promise.all(
      names.map(async (name) => {
        await client.execute(database, `.create-merge table ${name} (id:long, name:string)`);
        await client.execute(database, `.alter table ${name} policy streamingingestion enable`);
        await client.execute(database, `.alter table ${name} policy ingestionbatching @'{"MaximumBatchingTimeSpan":"00:00:10","MaximumNumberOfItems":500,"MaximumRawDataSizeMB":1024}'`);
        await client.execute(database, `.refresh database '${database}' table '${name}' cache ingestionbatchingpolicy`);
        await client.execute(database, `.create-or-alter table ${name} ingestion json mapping 'mappingRef' '${mapping}'`);
      }),
    );
    await client.execute(database, ".clear database cache streamingingestion schema");
    assert.equal((await run(".show tables | where TableName startswith 'Parallel' | count"))[0].Count, 84);
    await client.execute(database, `.drop tables (${names.join(",")}) ifexists`);
    assert.equal((await run(".show tables | where TableName startswith 'Parallel' | count"))[0].Count, 0);
  });

  test("errors", async () => {
    const error = await refusal(() => client.execute(database, ".show table Nonexistent"));
    assert.equal(error.status, 400);
    assert.equal(error.code, "BadRequest_TableNotExist");
    assert.equal(error["@permanent"], true);
  });
});

// The same rows in each format.
const texts = {
  [DataFormat.CSV]: "1,one\n2,two\n",
  [DataFormat.TSV]: "1\tone\n2\ttwo\n",
  [DataFormat.TSVE]: "1\tone\n2\ttwo\n",
  [DataFormat.PSV]: "1|one\n2|two\n",
  [DataFormat.SCSV]: "1;one\n2;two\n",
  [DataFormat.SOHSV]: "1\x01one\n2\x01two\n",
  [DataFormat.JSON]: '{"id":1,"name":"one"}\n{"id":2,"name":"two"}\n',
  [DataFormat.SINGLEJSON]: '{"id":1,"name":"one"}\n{"id":2,"name":"two"}\n',
  [DataFormat.MULTIJSON]: '[{"id":1,\n"name":"one"},{"id":2,"name":"two"}]',
};
const expected = [
  { id: 1, name: "one" },
  { id: 2, name: "two" },
];
const sorted = (table) => run(`${table} | order by id asc`);

describe("streaming ingestion", () => {
  const ingestClient = (table, format, more = {}) =>
    new StreamingIngestClient(new KustoConnectionStringBuilder(server.url), { database, table, format, ...more });

  for (const [format, text] of Object.entries(texts)) {
    test(`${format}: streams and files, packed and plain`, async () => {
      const table = await newTable();
      const ingest = ingestClient(table, format);
      await ingest.ingestFromStream(new StreamDescriptor(Readable.from([Buffer.from(text)])));
      assert.deepEqual(await sorted(table), expected);

      await ingest.ingestFromStream(new StreamDescriptor(Readable.from([gzipSync(text)]), null, CompressionType.GZIP));
      const plain = join(folder, `${table}.${format}`);
      writeFileSync(plain, text);
      await ingest.ingestFromFile(plain);
      const packed = join(folder, `${table}.${format}.gz`);
      writeFileSync(packed, gzipSync(text));
      await ingest.ingestFromFile(new FileDescriptor(packed));
      assert.equal(await count(table), 8);
      ingest.close();
    });
  }

  test("with mappings", async () => {
    const table = await newTable();
    await client.execute(database, `.create-or-alter table ${table} ingestion json mapping 'J' '[{"column":"id","path":"$.a"},\n{"column":"name","path":"$.b"}]'`);
    await client.execute(database, `.create-or-alter table ${table} ingestion csv mapping 'C' '[{"column":"name","Properties":{"Ordinal":"0"}},{"column":"id","Properties":{"Ordinal":"1"}}]'`);
    const json = ingestClient(table, DataFormat.JSON, { ingestionMappingReference: "J", ingestionMappingKind: IngestionMappingKind.JSON });
    await json.ingestFromStream(Readable.from([Buffer.from('{"a":1,"b":"one"}')]));
    const csv = ingestClient(table, DataFormat.CSV, { ingestionMappingReference: "C", ingestionMappingKind: IngestionMappingKind.CSV });
    await csv.ingestFromStream(Readable.from([Buffer.from("two,2\n")]));
    assert.deepEqual(await sorted(table), expected);
    json.close();
    csv.close();
  });

  test("errors", async () => {
    const off = await newTable("(id:long)", false);
    const table = await newTable();
    const ingest = (name, format, text, more) => refusal(() => ingestClient(name, format, more).ingestFromStream(Readable.from([Buffer.from(text)])));
    const disabled = await ingest(off, DataFormat.CSV, "1\n");
    assert.deepEqual([disabled.status, disabled.code, disabled["@permanent"]], [400, "BadRequest_StreamingIngestionPolicyNotEnabled", true]);
    const malformed = await ingest(table, DataFormat.JSON, '{"id":');
    assert.deepEqual([malformed.status, malformed["@permanent"]], [400, true]);
    const mapping = await ingest(table, DataFormat.JSON, "{}", { ingestionMappingReference: "absent", ingestionMappingKind: IngestionMappingKind.JSON });
    assert.equal(mapping.code, "BadRequest_MappingReferenceWasNotFound");
    const missing = await ingest("Nonexistent", DataFormat.CSV, "1\n");
    assert.equal(missing.code, "BadRequest_TableNotExist");
    assert.equal(await count(table), 0);
  });

  test("the managed client streams", async () => {
    const table = await newTable();
    const managed = new ManagedStreamingIngestClient(server.url, server.url, { database, table, format: DataFormat.CSV });
    await managed.ingestFromStream(new StreamDescriptor(Readable.from([Buffer.from(texts[DataFormat.CSV])])));
    const path = join(folder, "managed.csv");
    writeFileSync(path, texts[DataFormat.CSV]);
    await managed.ingestFromFile(path);
    assert.equal(await count(table), 4);
    managed.close();
  });
});
