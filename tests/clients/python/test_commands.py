"""Management commands as the client, dashboards and connectors send them."""

import json

import pytest
import requests
from azure.kusto.data import ClientRequestProperties
from azure.kusto.data.exceptions import KustoApiError


def columns(response):
    return [column.column_name for column in response.primary_results[0].columns]


def test_show_version_is_one_row(db):
    response = db.execute(".show version")
    assert len(response.primary_results[0].rows) == 1
    assert response.primary_results[0].rows[0]["ServiceType"] == "Engine"


def test_plain_commands_answer_one_table(server_url, db):
    for text in (".show cluster", ".show databases", ".show diagnostics;", ".show operations"):
        answer = requests.post(f"{server_url}/v1/rest/mgmt", json={"csl": text}, timeout=60)
        assert answer.status_code == 200 and len(answer.json()["Tables"]) == 1


def test_piped_commands(db):
    table = db.new_table("(id:long)")
    response = db.execute(f".show tables | where TableName == '{table}' | project TableName, DatabaseName")
    assert len(response.primary_results) == 1
    assert columns(response) == ["TableName", "DatabaseName"]
    assert response.primary_results[0].rows[0].to_list() == [table, db.name]
    response = db.execute(f".show database {db.name}  policy retention | project ChildEntities, EntityType")
    assert response.primary_results[0].rows[0]["EntityType"] == "Database"


def test_commands_with_more_statements(db):
    response = db.execute('.show databases | project A="1" | take 1; datatable(b: int) [3] | project A="2" | take 1')
    assert [table.rows[0]["A"] for table in response.primary_results] == ["1", "2"]
    response = db.execute(".show databases | count")
    assert response.primary_results[0].rows[0][0] >= 2


def test_commands_through_the_query_endpoint(server_url):
    answer = requests.post(f"{server_url}/v1/rest/query", json={"db": "", "csl": ".show databases schema"}, timeout=60)
    assert answer.status_code == 200


def test_tables(db):
    table = db.new_table("(a:int, ['b c']:string)", streaming=False)
    response = db.execute(f".show table {table} schema as json")
    assert json.loads(response.primary_results[0].rows[0]["Schema"])["OrderedColumns"][1] == {"Name": "b c", "Type": "System.String", "CslType": "string"}
    assert db.value(f".show table {table} cslschema | project Schema") == "a:int, ['b c']:string"
    db.execute(f".alter-merge table {table} (c:real)")
    db.execute(f".alter table {table} docstring 'about'")
    assert db.rows(f".show tables ({table})") == [[table, db.name, "", "about"]]
    db.execute(f".ingest inline into table {table} <| 1,x,2.5")
    details = db.execute(f".show table {table} details").primary_results[0].rows[0]
    assert details["TotalRowCount"] == 1 and details["DocString"] == "about"
    db.execute(f".rename table {table} to {table}_renamed")
    assert db.count(f"{table}_renamed") == 1
    db.execute(f".drop table {table}_renamed")
    db.execute(f".drop table {table}_renamed ifexists")
    with pytest.raises(KustoApiError):
        db.execute(f".drop table {table}_renamed")


def test_a_schema_change_holds_at_once(db):
    table = db.new_table("(a:long)")
    db.execute(f".ingest inline into table {table} <| 1")
    db.execute(f".alter-merge table {table} (b:string)")
    db.execute(f".ingest inline into table {table} <| 2,two")
    assert db.rows(f"{table} | order by a asc") == [[1, ""], [2, "two"]]
    db.execute(f".rename column {table}.b to c")
    assert db.rows(f"{table} | where a == 2 | project c") == [["two"]]
    db.execute(f".alter column {table}.c type=int")
    assert db.rows(f"{table} | where a == 2") == [[2, None]]


def test_table_creation_of_telegraf(db):
    db.execute(".create-merge table ['Telegraf']  (['fields']:dynamic, ['name']:string, ['tags']:dynamic, ['timestamp']:datetime);")
    db.execute(
        """.create-or-alter table ['Telegraf'] ingestion json mapping 'Telegraf_mapping' '[{"column":"fields", "Properties":{"Path":"$[\\'fields\\']"}},"""
        """{"column":"name", "Properties":{"Path":"$[\\'name\\']"}},{"column":"tags", "Properties":{"Path":"$[\\'tags\\']"}},{"column":"timestamp", "Properties":{"Path":"$[\\'timestamp\\']"}}]'"""
    )
    assert db.rows(".show table Telegraf ingestion mappings | project Name, Kind") == [["Telegraf_mapping", "Json"]]


def test_questions_of_the_kafka_connector(db):
    table = db.new_table()
    mapping = '[{"column":"id","path":"$.id","datatype":"long"}]'
    db.execute(f".create table {table} ingestion json mapping 'kafka' '{mapping}'")
    assert db.execute(f".show table {table} ingestion json mapping 'kafka'").primary_results[0].rows[0]["Name"] == "kafka"
    with pytest.raises(KustoApiError) as caught:
        db.execute(f".show table {table} ingestion json mapping 'absent'")
    assert caught.value.get_api_error().code == "BadRequest_MappingReferenceWasNotFound"
    row = db.rows(f".show principal access with (principal='aadapp=a;b', accesstype='ingest', database='{db.name}', table='{table}')")[0]
    assert row[3] is True
    assert '"IsEnabled":true' in db.execute(f".show table {table} policy streamingingestion").primary_results[0].rows[0]["Policy"]
    assert db.value(f"{table} | count", validate_permissions=True) == "OK"


def test_questions_of_grafana(db):
    table = db.new_table("(a:int, bag:dynamic)")
    schema = json.loads(db.execute(".show databases schema as json").primary_results[0].rows[0]["DatabaseSchema"])
    entry = schema["Databases"][db.name]
    assert entry["Tables"][table]["OrderedColumns"][0] == {"Name": "a", "Type": "System.Int32", "CslType": "int"}
    assert entry["MaterializedViews"] == {} and isinstance(entry["Functions"], dict)
    databases = db.execute(".show databases").primary_results[0]
    assert db.name in [row[0] for row in databases] and databases.columns[5].column_name == "PrettyName"
    db.execute(f".ingest inline into table {table} <| 1,\"{{\"\"x\"\":1}}\"")
    assert [row[0] for row in db.rows(f"{table} | take 50000 | getschema")] == ["a", "bag"]


def test_mapping_in_adjacent_literals(db):
    table = db.new_table()
    db.execute(f""".create table {table} ingestion json mapping 'M'
'['
'   {{ "column" : "id", "datatype" : "long", "Properties":{{"Path":"$.number"}}}},'
'   {{ "column" : "name", "Properties":{{"Path":"$.text"}}}},'
']'""")
    db.execute(f""".ingest inline into table {table} with (format="json", ingestionMappingReference="M") <|
{{"number": 1, "text": "one"}}
{{"number": 2, "text": "two"}}
""")
    assert db.rows(f"{table} | order by id asc") == [[1, "one"], [2, "two"]]


def test_policies(db):
    table = db.new_table(streaming=False)
    assert db.execute(f".show table {table} policy streamingingestion").primary_results[0].rows[0]["Policy"] is None
    for text in ("enable", "disable", '\'{"IsEnabled":true,"HintAllocatedRate":2.1}\'', '@\'{"IsEnabled": true}\' '):
        db.execute(f".alter table {table} policy streamingingestion {text}")
    db.execute(f""".alter table {table} policy ingestionbatching @'{{"MaximumBatchingTimeSpan":"00:00:10", "MaximumNumberOfItems": 500, "MaximumRawDataSizeMB": 1024}}'""")
    db.execute(f".refresh database '{db.name}' table '{table}' cache ingestionbatchingpolicy")
    db.execute(f".alter-merge table {table} policy retention softdelete = 10d")
    db.execute(f".alter table {table} policy caching hot = 3d")
    db.execute(f""".alter table {table} policy auto_delete @'{{ "ExpiryDate" : "2099-10-01", "DeleteIfNotEmpty": true }}'""")
    with pytest.raises(KustoApiError) as caught:
        db.execute(f""".alter table {table} policy update @'[{{"IsEnabled": true, "Source": "X", "Query": "X"}}]'""")
    assert "update" in str(caught.value)
    row = db.execute(f".delete table {table} policy streamingingestion").primary_results[0].rows[0]
    assert [row["PolicyName"], row["EntityName"], row["EntityType"]] == ["StreamingIngestionPolicy", f"[{db.name}].[{table}]", "Table"]


def test_functions(db):
    table = db.new_table()
    db.execute(f".ingest inline into table {table} <|\n1,a\n2,b\n3,c")
    db.execute(f".create-or-alter function with (docstring='Least ids', folder='demo') Least(n: long) {{ {table} | where id <= n }}")
    assert db.value("Least(2) | count") == 2
    assert db.rows(".show function Least") == [["Least", "(n:long)", f"{{ {table} | where id <= n }}", "demo", "Least ids"]]
    db.execute(".drop function Least")
    with pytest.raises(KustoApiError):
        db.execute("Least(2)")


def test_ingestion_from_a_query(db):
    source = db.new_table()
    db.execute(f".ingest inline into table {source} <|\n1,a\n2,b\n3,c")
    target = source + "_copy"
    result = db.execute(f".set {target} with (folder='copies') <| {source} | where id > 1").primary_results[0].rows[0]
    assert result["RowCount"] == 2
    db.execute(f".append {target} <| {source} | where id == 1")
    assert db.rows(f"{target} | order by id asc") == [[1, "a"], [2, "b"], [3, "c"]]
    db.execute(f".set-or-replace {target} <| {source} | project id, name=toupper(name)")
    assert db.rows(f"{target} | order by id asc | take 1") == [[1, "A"]]
    with pytest.raises(KustoApiError) as caught:
        db.execute(f".append {target} <| {source} | project name, id")
    assert caught.value.get_api_error().code == "BadRequest_QuerySchemaDoesNotMatchTableSchema"
    db.execute(f".append {target} with (extend_schema=true) <| print id=long(9), name='z', extra=1.5")
    assert db.value(f"{target} | where id == 9 | project extra") == 1.5
    operations = db.execute(".show operations | where Operation == 'TableAppend' and Database == '%s'" % db.name).primary_results[0]
    assert operations.rows[0]["State"] in ("Completed", "BadInput")


def test_inline_data_is_not_kql(db):
    table = db.new_table("(when:datetime, text:string)")
    db.execute(f".ingest inline into table {table} <|\n2015-01-01,\"a // b | c; 'd\"\n2015-01-02,[x]")
    db.execute(f".ingest inline into table {table} [2015-01-03,\"{{\"\"a\"\":1}}\"]")
    assert [row[1] for row in db.rows(f"{table} | order by when asc")] == ["a // b | c; 'd", "[x]", '{"a":1}']


def test_scripts(db):
    rows = db.execute(""".execute database script with (ContinueOnErrors=true) <|
//
// Tables
.create-merge table ScriptTable(a:string, b:string)

.alter-merge table ScriptTable policy retention softdelete = 10d
.drop table NoSuchTable
.create-or-alter function with (skipvalidation = "true") ScriptFunction(myLimit: long) {
    ScriptTable | take myLimit
}
.show tables
""").primary_results[0].rows
    assert [row["Result"] for row in rows] == ["Completed", "Completed", "Failed", "Completed", "Skipped"]
    assert db.count("ScriptTable") == 0


def test_read_only_requests_change_nothing(db):
    properties = ClientRequestProperties()
    properties.set_option("request_readonly", True)
    with pytest.raises(KustoApiError):
        db.client.execute(db.name, ".create table ReadOnly (a:int)", properties)
    assert db.client.execute(db.name, ".show tables", properties).primary_results[0] is not None
    assert "ReadOnly" not in [row[0] for row in db.rows(".show tables")]


def test_databases(db):
    db.execute(".create database ['Second Db'] volatile")
    db.client.execute("Second Db", ".create table T (a:int)")
    db.client.execute("Second Db", ".ingest inline into table T <| 7")
    assert db.value("database('Second Db').T | project a") == 7
    db.execute(".drop database ['Second Db']")
    with pytest.raises(KustoApiError) as caught:
        db.client.execute("Second Db", "T")
    assert caught.value.get_api_error().code == "BadRequest_DatabaseNotExist"


def test_queries_are_listed_and_unknown_ones_not_cancelled(db):
    db.execute("print 'find me in the list'")
    assert db.value(".show queries | where Text has 'find me' and State == 'Completed' | count") >= 1
    with pytest.raises(KustoApiError):
        db.execute(".cancel query 'no such query'")
