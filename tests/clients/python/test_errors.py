"""What goes wrong, by class: the exception the client raises and whether it says a retry can help."""

import datetime
import io
import os
import threading
import time

import pytest
import requests
from azure.kusto.data import ClientRequestProperties, KustoClient
from azure.kusto.data.data_format import DataFormat
from azure.kusto.data.exceptions import KustoApiError, KustoNetworkError, KustoServiceError
from azure.kusto.ingest import IngestionProperties


# More work than any test waits for.
ENDLESS = """
range x from 1 to 1000000 step 1 | extend k=1
| join kind=inner (range y from 1 to 1000000 step 1 | extend k=1) on k
| summarize max(x * y)"""


def failure(call, *arguments):
    """The error a call ends with, as the client read it."""
    with pytest.raises(KustoApiError) as caught:
        call(*arguments)
    return caught.value


@pytest.mark.parametrize(
    "text, code, semantic",
    [
        ("Nonexistent", "General_BadRequest", True),
        ("print x=1 | project Nothing", "General_BadRequest", True),
        ("print x=nosuchfunction(1)", "General_BadRequest", True),
        ("table('Nonexistent')", "General_BadRequest", True),
        ("invalidSyntax ", None, None),
        ("print x=1 | | count", None, False),
        (".show nothing", None, False),
        (".show table Nonexistent", "BadRequest_TableNotExist", None),
        (".show function Nonexistent", "BadRequest_EntityNotFound", None),
        (".create table ['a/b'] (a:int)", "BadRequest_EntityNameIsNotValid", None),
        (".drop database Nonexistent", "BadRequest_DatabaseNotExist", None),
        (".export to csv ('x') <| print 1", None, None),
    ],
)
def test_wrong_text(db, text, code, semantic):
    caught = failure(db.execute, text)
    error = caught.get_api_error()
    assert error.permanent is True
    assert caught.http_response.status_code == 400
    assert code is None or error.code == code
    assert semantic is None or caught.is_semantic_error() is semantic


def test_semantic_errors_say_so(db):
    caught = failure(db.execute, "Nonexistent | take 1")
    error = caught.get_api_error()
    assert "Semantic error: SEM0100" in error.description and "Nonexistent" in error.description
    assert error.type.startswith("Kusto.")
    assert error.context["clientRequestId"].startswith("KPC.execute;")


def test_syntax_errors_tell_the_place(db):
    error = failure(db.execute, "print x=1\n| whre y").get_api_error()
    assert "Syntax error" in error.description and "SYN0002" in error.description


def test_databases_that_are_not(client):
    for text in ("print 1", ".show tables"):
        error = failure(client.execute, "Nonexistent", text).get_api_error()
        assert error.code == "BadRequest_DatabaseNotExist" and error.permanent is True


def ingest(streaming, db, table, data, data_format=DataFormat.CSV, mapping=None, database=None):
    properties = IngestionProperties(database or db.name, table, data_format=data_format, ingestion_mapping_reference=mapping)
    streaming.ingest_from_stream(io.BytesIO(data), properties)


def test_ingestion_errors(db, streaming):
    table = db.new_table()
    off = db.new_table(streaming=False)
    cases = [
        ((table, b"{", DataFormat.JSON), None),
        ((off, b"1,a\n"), "BadRequest_StreamingIngestionPolicyNotEnabled"),
        ((table, b'{"id":1}', DataFormat.JSON, "absent"), "BadRequest_MappingReferenceWasNotFound"),
        ((table, b"Obj\x01", DataFormat.APACHEAVRO), "BadRequest_FormatNotSupported"),
        (("Nonexistent", b"1,a\n"), "BadRequest_TableNotExist"),
        ((table, b"1,a\n", DataFormat.CSV, None, "Nonexistent"), "BadRequest_DatabaseNotExist"),
    ]
    for arguments, code in cases:
        caught = failure(ingest, streaming, db, *arguments)
        error = caught.get_api_error()
        assert error.permanent is True, arguments
        assert caught.http_response.status_code == 400, arguments
        assert code is None or error.code == code, arguments
    assert db.count(table) == 0


def test_bodies_that_are_too_large(server_url, db):
    table = db.new_table("(text:string)")
    answer = requests.post(f"{server_url}/v1/rest/ingest/{db.name}/{table}?streamFormat=csv", data=os.urandom(6 << 20).hex(), timeout=60)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "PayloadTooLarge" and answer.json()["error"]["@permanent"] is True
    assert db.count(table) == 0


def test_bodies_that_are_broken(server_url, db):
    table = db.new_table()
    url = f"{server_url}/v1/rest/ingest/{db.name}/{table}?streamFormat=csv"
    broken = b"\x1f\x8b\x08\x00" + b"\x00" * 20
    answer = requests.post(url, data=broken, headers={"Content-Encoding": "gzip"}, timeout=60)
    assert answer.status_code == 400 and answer.json()["error"]["@permanent"] is True
    for body in (b"", b"{", b'"text"', b'{"db":"x"}'):
        answer = requests.post(f"{server_url}/v2/rest/query", data=body, headers={"Content-Type": "application/json"},
                               timeout=60)
        assert answer.status_code == 400 and answer.json()["error"]["@permanent"] is True


def test_paths_and_methods_that_are_not(server_url):
    assert requests.get(f"{server_url}/v1/rest/nothing", timeout=60).status_code == 404
    assert requests.put(f"{server_url}/v2/rest/query", data=b"{}", timeout=60).status_code == 405


def test_timeouts(db):
    properties = ClientRequestProperties()
    properties.set_option(ClientRequestProperties.request_timeout_option_name, datetime.timedelta(seconds=1))
    started = time.monotonic()
    with pytest.raises(KustoServiceError) as caught:
        db.client.execute(db.name, ENDLESS, properties)
    assert time.monotonic() - started < 20
    assert not isinstance(caught.value, KustoNetworkError)
    error = caught.value.get_api_error()
    assert error.code == "RequestExecutionTimeout" and caught.value.http_response.status_code == 504


def test_results_that_are_too_large(db):
    response_or_error = None
    try:
        response_or_error = db.execute("range x from 1 to 600000 step 1")
        assert response_or_error.errors_count > 0
        assert "E_QUERY_RESULT_SET_TOO_LARGE" in "".join(map(str, response_or_error.get_exceptions()))
    except KustoServiceError as error:
        assert "E_QUERY_RESULT_SET_TOO_LARGE" in str(error)
    assert len(db.rows("range x from 1 to 600000 step 1", notruncation=True)) == 600000


def test_cancelling_a_query(server_url, db):
    outcome = []

    def run():
        properties = ClientRequestProperties()
        properties.client_request_id = "Tests.Cancel;1"
        try:
            with KustoClient(server_url) as client:
                client.execute(db.name, ENDLESS, properties)
        except KustoServiceError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 30
    while db.value(".show running queries | where ClientActivityId == 'Tests.Cancel;1' | count") == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    db.execute(".cancel query 'Tests.Cancel;1'")
    thread.join(timeout=30)
    assert not thread.is_alive() and outcome


def test_a_server_that_is_not_there():
    with KustoClient("http://127.0.0.1:9") as client:
        with pytest.raises(KustoNetworkError):
            client.execute("x", "print 1")
