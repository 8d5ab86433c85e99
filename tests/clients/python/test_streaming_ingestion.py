"""Streaming ingestion: every text format, with and without mapping, packed and plain, from everywhere."""

import datetime
import gzip
import io
import json
import uuid
import zipfile

import pandas
import pytest
import requests
from azure.kusto.data.exceptions import KustoApiError
from azure.kusto.ingest import FileDescriptor, IngestionProperties, StreamDescriptor
from azure.kusto.data.data_format import DataFormat, IngestionMappingKind

UTC = datetime.timezone.utc
ROWS = [[1, "one"], [2, "two"], [3, "three"]]

# The same three rows in each format.
TEXTS = {
    DataFormat.CSV: '1,one\n2,"two"\n3,three\n',
    DataFormat.TSV: "1\tone\n2\ttwo\n3\tthree\n",
    DataFormat.TSVE: "1\tone\n2\ttwo\n3\tthree\n",
    DataFormat.PSV: "1|one\n2|two\n3|three\n",
    DataFormat.SCSV: "1;one\n2;two\n3;three\n",
    DataFormat.SOHSV: "1\x01one\n2\x01two\n3\x01three\n",
    DataFormat.JSON: '{"id":1,"name":"one"}\n{"id":2,"name":"two"}\n{"id":3,"name":"three"}\n',
    DataFormat.SINGLEJSON: '{"id":1,"name":"one"}\n{"id":2,"name":"two"}\n{"id":3,"name":"three"}\n',
    DataFormat.MULTIJSON: '[\n {"id":1,\n  "name":"one"},\n {"id":2,"name":"two"},{"id":3,"name":"three"}\n]',
}
DELIMITED = [DataFormat.CSV, DataFormat.TSV, DataFormat.TSVE, DataFormat.PSV, DataFormat.SCSV, DataFormat.SOHSV]
CSV_MAPPING = '[{"column":"name","Properties":{"Ordinal":"1"}},{"column":"id","datatype":"long","Properties":{"Ordinal":0}}]'
JSON_MAPPING = '[{"column":"id","path":"$.id"},{"Column":"name","Properties":{"Path":"$[\'name\']"}}]'


def properties(db, table, data_format, mapping=None):
    kind = IngestionMappingKind.JSON if "JSON" in data_format.name else IngestionMappingKind.CSV
    return IngestionProperties(
        database=db.name, table=table, data_format=data_format,
        ingestion_mapping_reference=mapping, ingestion_mapping_kind=kind if mapping else None,
    )  # fmt: skip


def sorted_rows(db, table):
    return db.rows(f"{table} | order by id asc")


@pytest.mark.parametrize("data_format", TEXTS, ids=lambda each: each.name)
@pytest.mark.parametrize("compression", ["plain", "gzip"])
@pytest.mark.parametrize("with_mapping", [False, True], ids=["identity", "mapping"])
def test_streams(db, streaming, data_format, compression, with_mapping):
    table = db.new_table()
    mapping = None
    if with_mapping:
        kind, text = ("csv", CSV_MAPPING) if data_format in DELIMITED else ("json", JSON_MAPPING)
        mapping = "M"
        db.execute(f".create table {table} ingestion {kind} mapping 'M' '{text}'".replace("['name']", "[\\'name\\']"))
    data = TEXTS[data_format].encode()
    packed = compression == "gzip"
    stream = StreamDescriptor(io.BytesIO(gzip.compress(data) if packed else data), is_compressed=packed)
    streaming.ingest_from_stream(stream, properties(db, table, data_format, mapping))
    assert sorted_rows(db, table) == ROWS


@pytest.mark.parametrize("data_format, expected", [(DataFormat.TXT, ["first line", "second, line"]), (DataFormat.RAW, ["first line\nsecond, line\n"])],
                         ids=["TXT", "RAW"])  # fmt: skip
def test_one_column_formats(db, streaming, data_format, expected):
    table = db.new_table("(text:string)")
    streaming.ingest_from_stream(io.BytesIO(b"first line\nsecond, line\n"), properties(db, table, data_format))
    assert sorted(row[0] for row in db.rows(table)) == expected


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_files(db, streaming, tmp_path, suffix):
    table = db.new_table()
    path = tmp_path / ("rows.csv" + suffix)
    data = TEXTS[DataFormat.CSV].encode()
    path.write_bytes(gzip.compress(data) if suffix else data)
    streaming.ingest_from_file(str(path), properties(db, table, DataFormat.CSV))
    streaming.ingest_from_file(FileDescriptor(str(path), size=len(data)), properties(db, table, DataFormat.CSV))
    assert db.count(table) == 6


def test_zip_archives_are_refused(db, streaming, tmp_path):
    table = db.new_table()
    path = tmp_path / "rows.csv.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", TEXTS[DataFormat.CSV])
    with pytest.raises(KustoApiError) as caught:
        streaming.ingest_from_file(str(path), properties(db, table, DataFormat.CSV))
    assert "zip" in str(caught.value) and caught.value.get_api_error().permanent is True
    assert db.count(table) == 0


def test_opened_files(db, streaming, tmp_path):
    table = db.new_table()
    path = tmp_path / "rows.csv"
    path.write_text(TEXTS[DataFormat.CSV])
    with open(path, "r") as opened:
        streaming.ingest_from_stream(opened, properties(db, table, DataFormat.CSV))
    with open(path, "rb") as opened:
        streaming.ingest_from_stream(opened, properties(db, table, DataFormat.CSV))
    assert db.count(table) == 6


def test_text_streams(db, streaming):
    table = db.new_table()
    streaming.ingest_from_stream(io.StringIO("1,åß漢字🎈"), properties(db, table, DataFormat.CSV))
    assert sorted_rows(db, table) == [[1, "åß漢字🎈"]]


@pytest.mark.parametrize("data_format", [None, DataFormat.CSV, DataFormat.JSON])
def test_dataframes(db, streaming, data_format):
    table = db.new_table("(id:long, name:string, at:datetime, value:real, bag:dynamic)")
    frame = pandas.DataFrame({
        "id": [1, 2], "name": ["one", "two"], "at": pandas.to_datetime(["2020-01-01T00:00:00Z", "2021-06-15T12:30:45.5Z"], format="ISO8601"),
        "value": [1.5, None], "bag": [json.dumps({"a": 1}) if data_format == DataFormat.CSV else {"a": 1}, None],
    })  # fmt: skip
    streaming.ingest_from_dataframe(frame, properties(db, table, DataFormat.CSV), data_format)
    assert sorted_rows(db, table) == [
        [1, "one", datetime.datetime(2020, 1, 1, tzinfo=UTC), 1.5, {"a": 1}],
        [2, "two", datetime.datetime(2021, 6, 15, 12, 30, 45, 500000, tzinfo=UTC), None, None],
    ]


COLUMNS = (
    "(number:int, guid:string, real1:double, real2:float, flag:bool, int16:int, int32:int, int64:long, unsigned8:long, at:datetime, "
    "small:string, text:string, number_as_text:string, span:timespan, bag:dynamic)"
).replace("float", "real")


def test_many_types_by_ordinal(db, streaming):
    table = db.new_table(COLUMNS)
    line = '0,00000000-0000-0000-0001-020304050607,0.5,1.5,{flag},-1,2,3,255,2014-01-01T01:01:01.1234567Z,Zero,"a ""quoted"" text",0,00:00:00,{bag}\n'
    text = line.format(flag="true", bag="null") + line.format(flag="0", bag='"{""x"":[1,2]}"')
    streaming.ingest_from_stream(io.BytesIO(text.encode()), properties(db, table, DataFormat.CSV))
    rows = db.rows(f"{table} | order by flag desc")
    assert [row[4] for row in rows] == [True, False]
    assert rows[0][9] == datetime.datetime(2014, 1, 1, 1, 1, 1, 123456, tzinfo=UTC)
    assert rows[0][11] == 'a "quoted" text'
    assert rows[0][13] == datetime.timedelta(0)
    assert [row[14] for row in rows] == [None, {"x": [1, 2]}]


def test_values_that_do_not_convert_are_null(db, streaming):
    table = db.new_table("(id:long, value:real, at:datetime)")
    streaming.ingest_from_stream(io.BytesIO(b"1,x,y\nz,2.5,2020-01-01\n"), properties(db, table, DataFormat.CSV))
    assert db.rows(f"{table} | where isnull(value) or isnull(id) | count") == [[2]]


def test_properties_that_no_column_has_are_left_out(db, streaming):
    table = db.new_table()
    streaming.ingest_from_stream(io.BytesIO(b'{"id":1,"name":"a","extra":{"x":1}}\n{"ID":2}'), properties(db, table, DataFormat.JSON))
    assert db.rows(f"{table} | order by name asc") == [[None, ""], [1, "a"]]


def test_mapping_of_nested_json(db, streaming):
    table = db.new_table("(device:string, value:real, first:long, whole:dynamic, fixed:string, at:datetime)")
    mapping = json.dumps([
        {"column": "device", "Properties": {"Path": "$.header.device"}},
        {"column": "value", "Properties": {"Path": "$.body['the value']"}},
        {"column": "first", "Properties": {"Path": "$.list[0]"}},
        {"column": "whole", "Properties": {"Path": "$"}},
        {"column": "fixed", "Properties": {"ConstValue": "constant"}},
        {"column": "at", "Properties": {"Path": "$.seconds", "Transform": "DateTimeFromUnixSeconds"}},
    ])  # fmt: skip
    db.execute(f".create-or-alter table {table} ingestion json mapping 'nested' @\"{mapping.replace(chr(34), chr(34) * 2)}\"")
    record = {"header": {"device": "d1"}, "body": {"the value": 1.5}, "list": [7, 8], "seconds": 86400}
    streaming.ingest_from_stream(io.BytesIO(json.dumps(record).encode()), properties(db, table, DataFormat.MULTIJSON, "nested"))
    assert db.rows(table) == [["d1", 1.5, 7, record, "constant", datetime.datetime(1970, 1, 2, tzinfo=UTC)]]


def test_mapping_of_the_database(db, streaming):
    table = db.new_table()
    db.execute(f".create-or-alter database {db.name} ingestion json mapping 'shared' '[{{\"column\":\"id\",\"path\":\"$.x\"}}]'")
    streaming.ingest_from_stream(io.BytesIO(b'{"x":5}'), properties(db, table, DataFormat.JSON, "shared"))
    assert db.rows(f"{table} | project id") == [[5]]


def test_the_first_record_is_data(db, streaming):
    # Streaming ingestion knows no ignoreFirstRecord.
    table = db.new_table()
    ingestion = properties(db, table, DataFormat.CSV)
    ingestion.ignore_first_record = True
    streaming.ingest_from_stream(io.BytesIO(b"id,name\n1,one\n"), ingestion)
    assert db.count(table) == 2


def test_rows_are_seen_when_the_call_returns(db, streaming):
    table = db.new_table()
    for count in range(1, 31):
        streaming.ingest_from_stream(io.BytesIO(f"{count},x\n".encode()), properties(db, table, DataFormat.CSV))
        assert db.count(table) == count


def test_a_request_is_all_or_nothing(db, streaming):
    table = db.new_table()
    with pytest.raises(KustoApiError) as caught:
        streaming.ingest_from_stream(io.BytesIO(b'{"id":1}\n{"id":2}\n{"id":'), properties(db, table, DataFormat.JSON))
    assert caught.value.get_api_error().permanent is True
    assert db.count(table) == 0


def test_policy_of_the_database(db, client, streaming):
    client.execute("NetDefaultDB", ".create database Default ifnotexists")
    client.execute("Default", ".alter database Default policy streamingingestion enable")
    client.execute("Default", ".create table T (id:long)")
    client.execute("Default", ".create table Off (id:long)")
    client.execute("Default", ".alter table Off policy streamingingestion disable")
    streaming.ingest_from_stream(io.BytesIO(b"1\n"), IngestionProperties("Default", "T", data_format=DataFormat.CSV))
    assert client.execute("Default", "T | count").primary_results[0].rows[0][0] == 1
    with pytest.raises(KustoApiError) as caught:
        streaming.ingest_from_stream(io.BytesIO(b"1\n"), IngestionProperties("Default", "Off", data_format=DataFormat.CSV))
    assert caught.value.get_api_error().code == "BadRequest_StreamingIngestionPolicyNotEnabled"


def test_the_answer(server_url, db):
    table = db.new_table()
    answer = requests.post(f"{server_url}/v1/rest/ingest/{db.name}/{table}?streamFormat=Csv", data=b"1,a\n2,b\n", timeout=60)
    assert answer.status_code == 200
    answered = answer.json()["Tables"][0]
    assert [column["ColumnName"] for column in answered["Columns"]] == [
        "ConsumedRecordsCount", "UpdatePolicyStatus", "UpdatePolicyFailureCode", "UpdatePolicyFailureReason",
    ]  # fmt: skip
    assert answered["Rows"][0][:3] == [2, "Inactive", "Unknown"]


def test_false_content_encoding(server_url, db):
    # Clients say gzip of data that is not: what counts are the first bytes.
    table = db.new_table()
    url = f"{server_url}/v1/rest/ingest/{db.name}/{table}?streamFormat=csv"
    assert requests.post(url, data=b"1,a\n", headers={"Content-Encoding": "gzip"}, timeout=60).status_code == 200
    assert requests.post(url, data=gzip.compress(b"2,b\n"), timeout=60).status_code == 200
    assert db.rows(f"{table} | order by id asc") == [[1, "a"], [2, "b"]]


def test_chunked_bodies(server_url, db):
    table = db.new_table()
    chunks = (f"{number},x\n".encode() for number in range(1000))
    answer = requests.post(f"{server_url}/v1/rest/ingest/{db.name}/{table}?streamFormat=csv", data=chunks, timeout=60)
    assert answer.status_code == 200 and db.count(table) == 1000


def test_managed_client_streams(db, managed, tmp_path):
    table = db.new_table()
    path = tmp_path / "rows.json"
    path.write_text(TEXTS[DataFormat.JSON])
    managed.ingest_from_file(str(path), properties(db, table, DataFormat.JSON))
    managed.ingest_from_stream(io.BytesIO(TEXTS[DataFormat.CSV].encode()), properties(db, table, DataFormat.CSV))
    frame = pandas.DataFrame({"id": [4], "name": ["four"]})
    managed.ingest_from_dataframe(frame, properties(db, table, DataFormat.CSV))
    assert db.count(table) == 7


def test_managed_client_retries_store_nothing_twice(db, managed):
    table = db.new_table()
    source_id = uuid.uuid4()
    for _ in range(2):
        stream = StreamDescriptor(io.BytesIO(b"1,a\n2,b\n"), source_id=source_id)
        managed.ingest_from_stream(stream, properties(db, table, DataFormat.CSV))
    assert db.count(table) == 2


def test_managed_client_gives_up_on_permanent_errors(db, managed):
    table = db.new_table(streaming=False)
    with pytest.raises(KustoApiError) as caught:
        managed.ingest_from_stream(io.BytesIO(b"1,a\n"), properties(db, table, DataFormat.CSV))
    error = caught.value.get_api_error()
    assert error.permanent is True and error.code == "BadRequest_StreamingIngestionPolicyNotEnabled"
    assert db.count(table) == 0


def test_statistics(db, streaming):
    table = db.new_table()
    streaming.ingest_from_stream(io.BytesIO(b"1,a\n2,b\n"), properties(db, table, DataFormat.CSV))
    with pytest.raises(KustoApiError):
        streaming.ingest_from_stream(io.BytesIO(b"{"), properties(db, table, DataFormat.JSON))
    rows = db.rows(f".show streamingingestion statistics | where Table == '{table}' and IngestionStatus == 'Success' | project Count, TotalRowCount")
    assert rows == [[1, 2]]
    rows = db.rows(f".show streamingingestion failures | where Table == '{table}' | project FailureKind, Count")
    assert rows == [["Permanent", 1]]
