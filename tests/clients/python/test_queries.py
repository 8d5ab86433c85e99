"""Queries: every type, both versions of the protocol, options, parameters, frames as they arrive."""

import asyncio
import datetime
import decimal
import json
import math
import uuid

import pandas
import pytest
import requests
from azure.kusto.data import ClientRequestProperties, KustoClient, KustoConnectionStringBuilder
from azure.kusto.data.aio import KustoClient as AsyncKustoClient
from azure.kusto.data.helpers import dataframe_from_result_table

UTC = datetime.timezone.utc

EVERY_TYPE = """
datatable(b:bool, i:int, l:long, r:real, d:decimal, t:datetime, s:timespan, g:guid, text:string, bag:dynamic) [
    true, int(1), 9223372036854775807, 2.5, decimal(2.00000000000001), datetime(2020-03-04T14:05:01.3109965Z),
    time(01:23:45.6789000), guid(74be27de-1e4e-49d9-b579-fe0b331d3642), "asdf", dynamic({"moshe":"value","a":[1,2.5,null]}),
    bool(null), int(null), long(null), real(null), decimal(null), datetime(null),
    timespan(null), guid(null), "", dynamic(null),
]
"""


def test_every_type(db):
    table = db.execute(EVERY_TYPE).primary_results[0]
    assert [(c.column_name, c.column_type) for c in table.columns] == [
        ("b", "bool"), ("i", "int"), ("l", "long"), ("r", "real"), ("d", "decimal"), ("t", "datetime"),
        ("s", "timespan"), ("g", "guid"), ("text", "string"), ("bag", "dynamic"),
    ]  # fmt: skip
    first, second = [row.to_list() for row in table]
    assert first[:4] == [True, 1, 9223372036854775807, 2.5]
    assert decimal.Decimal(first[4]) == decimal.Decimal("2.00000000000001")
    assert first[5] == datetime.datetime(2020, 3, 4, 14, 5, 1, 310996, tzinfo=UTC)
    assert first[6] == datetime.timedelta(hours=1, minutes=23, seconds=45, microseconds=678900)
    assert uuid.UUID(first[7]) == uuid.UUID("74be27de-1e4e-49d9-b579-fe0b331d3642")
    assert first[8] == "asdf"
    assert first[9] == {"moshe": "value", "a": [1, 2.5, None]}
    assert second == [None, None, None, None, None, None, None, None, "", None]


def test_special_numbers(db):
    row = db.rows("print a=real(nan), b=real(+inf), c=real(-inf), d=time(-1.02:03:04.5), e=1.0/3")[0]
    # The protocol has no numbers for these, and the client hands its words on.
    assert math.isnan(float(row[0])) and float(row[1]) == math.inf and float(row[2]) == -math.inf
    assert row[3] == -datetime.timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=500)
    assert row[4] == 1 / 3


def test_dynamic_forms(db):
    row = db.rows('print a=dynamic("text"), b=dynamic(\'{ "a": 1}\'), c=dynamic({"a":1}), d=dynamic([1,"x"]), e=dynamic(true)')[0]
    assert row == ["text", '{ "a": 1}', {"a": 1}, [1, "x"], True]


def test_version_1(server_url, db):
    answer = requests.post(f"{server_url}/v1/rest/query", json={"db": db.name, "csl": "print x=1, y='a' | render table"}, timeout=60).json()
    tables = answer["Tables"]
    assert [table["TableName"] for table in tables] == ["Table_0", "Table_1", "Table_2", "Table_3"]
    assert tables[0]["Columns"] == [
        {"ColumnName": "x", "DataType": "Int64", "ColumnType": "long"},
        {"ColumnName": "y", "DataType": "String", "ColumnType": "string"},
    ]
    assert tables[0]["Rows"] == [[1, "a"]]
    contents = tables[-1]
    assert [column["ColumnName"] for column in contents["Columns"]] == ["Ordinal", "Kind", "Name", "Id", "PrettyName"]
    assert [row[1] for row in contents["Rows"]] == ["QueryResult", "QueryProperties", "QueryStatus"]
    assert "Visualization" in json.loads(tables[1]["Rows"][0][0])


def test_frames_in_order(db):
    frames = list(db.client._execute_streaming_query_parsed(db.name, "print x=1; print y=2"))
    assert {name: value for name, value in frames[0].items()} == {"FrameType": frames[0]["FrameType"], "IsProgressive": False, "Version": "v2.0"}
    kinds = [getattr(frame.get("TableKind"), "value", frame.get("TableKind")) for frame in frames[1:-1]]
    assert kinds[0] == "QueryProperties" and kinds[-1] == "QueryCompletionInformation"
    assert kinds.count("PrimaryResult") == 2
    properties = frames[1]
    assert all(len(row) == len(properties["Columns"]) for row in properties["Rows"])
    assert frames[-1]["HasErrors"] is False and frames[-1]["Cancelled"] is False


def test_streamed_query(db):
    table = db.new_table("(n:long, text:string)")
    db.execute(f".set-or-append {table} <| range n from 1 to 5000 step 1 | extend text=strcat('row ', tostring(n))")
    response = db.client.execute_streaming_query(db.name, f"{table} | order by n asc; {table} | order by n desc")
    first = next(iter(response.iter_primary_results()))
    assert [row["n"] for row in first] == list(range(1, 5001))
    second = next(iter(response.iter_primary_results()))
    assert [row["text"] for row in second][:2] == ["row 5000", "row 4999"]
    for _ in response.iter_primary_results():
        pass
    assert response.finished and response.errors_count == 0


def test_progressive_option_is_not_in_the_way(server_url, db):
    body = {"db": db.name, "csl": "print x=1", "properties": json.dumps({"Options": {"results_progressive_enabled": True}})}
    frames = requests.post(f"{server_url}/v2/rest/query", json=body, timeout=60).json()
    assert frames[0]["FrameType"] == "DataSetHeader"
    rows = [row for frame in frames if frame.get("TableKind") == "PrimaryResult" or frame["FrameType"] == "TableFragment" for row in frame.get("Rows", [])]
    assert rows == [[1]]


def test_fragmented_frames(server_url, db):
    options = {"results_v2_newlines_between_frames": True, "results_v2_fragment_primary_tables": True, "results_error_reporting_placement": "end_of_table"}
    text = requests.post(f"{server_url}/v2/rest/query", json={"db": db.name, "csl": "range x from 1 to 3 step 1", "properties": {"Options": options}}, timeout=60).text
    lines = text.rstrip("\n").split("\n")
    assert lines[0].startswith("[{") and lines[-1] == "]"
    frames = [json.loads(line[1:]) for line in lines[:-1]]
    assert list(frames[0]) == ["FrameType", "IsProgressive", "Version", "IsFragmented", "ErrorReportingPlacement"]
    types = [frame["FrameType"] for frame in frames]
    assert types[:3] == ["DataSetHeader", "DataTable", "TableHeader"] and types[-3:] == ["TableCompletion", "DataTable", "DataSetCompletion"]
    assert [row for frame in frames if frame["FrameType"] == "TableFragment" for row in frame["Rows"]] == [[1], [2], [3]]
    assert frames[-3]["RowCount"] == 3


@pytest.mark.parametrize("body", ['{"CSL":"print 1","DB":"%s"}', '{"csl":"print 1","db":"%s","properties":null,"querySource":"x"}',
                                  '{"csl":"print 1","db":"%s","properties":{"options":{"additional":[1]}}}'])  # fmt: skip
def test_bodies_of_other_clients(server_url, db, body):
    answer = requests.post(f"{server_url}//v2/rest/query", data=body % db.name, headers={"Content-Type": "application/json; charset=utf-8"}, timeout=60)
    assert answer.status_code == 200


def test_request_ids(server_url, db):
    answer = requests.post(f"{server_url}/v2/rest/query", json={"db": db.name, "csl": "print 1"}, headers={"x-ms-client-request-id": "My;ID"}, timeout=60)
    assert answer.headers["x-ms-client-request-id"] == "My;ID"
    uuid.UUID(answer.headers["x-ms-activity-id"])
    answer = requests.post(f"{server_url}/v2/rest/query", json={"db": db.name, "csl": "print 1"}, timeout=60)
    assert answer.headers["x-ms-client-request-id"].startswith("unspecified;")


def test_dataframes(db):
    # pandas makes doubles of longs beside a null, and refuses those that doubles cannot hold.
    table = db.execute(EVERY_TYPE.replace("9223372036854775807", "9007199254740991")).primary_results[0]
    frame = dataframe_from_result_table(table, nullable_bools=True)
    assert list(frame.columns) == ["b", "i", "l", "r", "d", "t", "s", "g", "text", "bag"]
    assert frame["r"][0] == 2.5 and pandas.isna(frame["r"][1])
    assert frame["l"][0] == 9007199254740991
    assert frame["t"][0] == pandas.Timestamp("2020-03-04T14:05:01.3109965Z")
    assert frame["s"][0] == pandas.Timedelta("01:23:45.6789")
    assert frame["bag"][0] == {"moshe": "value", "a": [1, 2.5, None]}


def test_parameters(db):
    properties = ClientRequestProperties()
    for name, value in {
        "a": "int(5)", "b": "hello 'there'", "c": "datetime(2020-01-01T00:00:00.1234567Z)", "d": "time(1.00:00:00)",
        "e": "true", "f": "2.5", "g": "dynamic({\"x\":1})", "h": "guid(74be27de-1e4e-49d9-b579-fe0b331d3642)",
    }.items():  # fmt: skip
        properties.set_parameter(name, value)
    text = """declare query_parameters(a:int, b:string, c:datetime, d:timespan, e:bool, f:real, g:dynamic, h:guid, i:long = 7);
              print a, b, c, d, e, f, g.x, h, i"""
    row = db.client.execute(db.name, text, properties).primary_results[0].rows[0].to_list()
    assert row[:2] == [5, "hello 'there'"]
    assert row[2] == datetime.datetime(2020, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert row[3:6] == [datetime.timedelta(days=1), True, 2.5]
    assert row[6] == 1
    assert row[8] == 7


def test_parameters_filter_rows(db):
    table = db.new_table("(x:int, when:datetime, span:timespan, text:string)")
    db.execute(f'.ingest inline into table {table} <|\n1,2020-01-01T00:00:00.1234567Z,-00:00:02.0020002,One\n2,2021-01-01,1.00:00:00,Two')
    properties = ClientRequestProperties()
    properties.set_parameter("at", "datetime(2020-01-01T00:00:00.1234567Z)")
    properties.set_parameter("span_", "time(-00:00:02.0020002)")
    query = f"declare query_parameters(at:datetime, span_:timespan); {table} | where when == at and span == span_ | project text"
    assert db.client.execute(db.name, query, properties).primary_results[0].rows[0]["text"] == "One"


def test_now_is_one_moment(db):
    assert db.value("print now() == now()") is True
    assert db.value("print now()", query_now="2020-01-02T03:04:05Z") == datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_unicode_and_sizes(db):
    text = "åß漢字🎈\t\"quoted\" \\ line"
    assert db.value(f"print {json.dumps(text, ensure_ascii=False)}") == text
    assert len(db.value("print strrep('0123456789', 1024)")) == 10240
    assert len(db.rows("range x from 1 to 100000 step 1")) == 100000


def test_bearer_tokens_are_taken(server_url, db):
    seen = []

    def provide():
        seen.append(True)
        return "a-token"

    for builder in (
        KustoConnectionStringBuilder.with_aad_user_token_authentication(server_url, "a-token"),
        KustoConnectionStringBuilder.with_aad_application_token_authentication(server_url, "a-token"),
        KustoConnectionStringBuilder.with_token_provider(server_url, provide),
    ):
        with KustoClient(builder) as client:
            assert client.execute(db.name, "print 1").primary_results[0].rows[0][0] == 1
    assert seen


def test_cloud_metadata(server_url):
    answer = requests.get(f"{server_url}/v1/rest/auth/metadata", timeout=60)
    assert answer.status_code == 200
    directory = answer.json()["AzureAD"]
    assert set(directory) >= {"LoginEndpoint", "LoginMfaRequired", "KustoClientAppId", "KustoClientRedirectUri", "KustoServiceResourceId", "FirstPartyAuthorityUrl"}
    assert directory["KustoServiceResourceId"] == "https://kusto.kusto.windows.net"


def test_asynchronous_client(server_url, db):
    async def run():
        async with AsyncKustoClient(server_url) as client:
            first, second = await asyncio.gather(client.execute(db.name, "print 1"), client.execute(db.name, ".show version"))
            return first.primary_results[0].rows[0][0], len(second.primary_results[0].rows)

    assert asyncio.run(run()) == (1, 1)


def test_compressed_answers(server_url, db):
    body = {"db": db.name, "csl": "range x from 1 to 20000 step 1"}
    packed = requests.post(f"{server_url}/v2/rest/query", json=body, headers={"Accept-Encoding": "gzip, deflate"}, timeout=60)
    plain = requests.post(f"{server_url}/v2/rest/query", json=body, headers={"Accept-Encoding": "identity"}, timeout=60)
    primary = [[f for f in answer.json() if f.get("TableKind") == "PrimaryResult"][0]["Rows"] for answer in (packed, plain)]
    assert primary[0] == primary[1] and len(primary[0]) == 20000
