"""Data connections of kind eventhub, against a listener that asks for what Event Hubs asks for: TLS, and the
connection string as the password of the user "$ConnectionString"."""
import os
import unittest

from harness import Refused, as_properties, broker, create_topic, eventually, new_name, new_topic, send, server


def connect(source, **properties):
    name = new_name("Hub")
    given = {"format": "json", "retrievalStartDate": "earliest", "caLocation": "file:ca.pem", **properties}
    server().command(f".create data-connection {name} kind=eventhub (h'{source}') with ({as_properties(given)})")
    return name


def new_table():
    name = new_name("HubTable")
    server().command(f".create table {name} (Id:long)")
    return name


def write_secret(text):
    name = new_name("secret")
    with open(os.path.join(server().secrets, name), "w", encoding="ascii") as file:
        file.write(text + "\n")
    return name


class EventHubs(unittest.TestCase):
    def setUp(self):
        self.topic, self.table = new_topic(2), new_table()
        send(self.topic, '{"Id":1}')

    def test_secret_in_the_command(self):
        name = connect(broker().namespace_connection_string, table=self.table, eventHubName=self.topic)
        server().await_rows(self.table, [[1]])
        key = broker().namespace_connection_string.split("SharedAccessKey=")[1]
        shown = (server().command(".show data-connections"), server().connection(name), server().log())
        self.assertNotIn(key, str(shown))

    def test_secret_in_a_file(self):
        connect("file:" + write_secret(broker().namespace_connection_string), table=self.table, eventHubName=self.topic)
        server().await_rows(self.table, [[1]])

    def test_secret_in_the_environment(self):
        connect("env:RIVULET_SECRET_HUB", table=self.table, eventHubName=self.topic)
        server().await_rows(self.table, [[1]])

    def test_hub_in_the_connection_string(self):
        create_topic("hub", 4)
        send("hub", '{"Id":2}')
        connect(broker().hub_connection_string, table=self.table)
        server().await_rows(self.table, [[2]])

    def test_wrong_key_is_told_and_put_right(self):
        wrong = broker().namespace_connection_string.replace("SharedAccessKey=", "SharedAccessKey=x")
        name = connect(wrong, table=self.table, eventHubName=self.topic)
        shown = eventually(lambda: server().connection(name),
                           lambda shown: shown["State"] == "Disconnected" and "uthentication" in shown["LastError"],
                           "an error of authentication")
        self.assertNotIn("SharedAccessKey=x", str(shown))
        server().command(f".alter data-connection {name} with (connectionString=h'{broker().namespace_connection_string}')")
        server().await_rows(self.table, [[1]])
        server().await_state(name, "Running")

    def test_a_certificate_that_nobody_trusts(self):
        name = connect(broker().namespace_connection_string, table=self.table, eventHubName=self.topic, caLocation="")
        eventually(lambda: server().connection(name), lambda shown: "certificate" in shown["LastError"].lower(),
                   "an error about the certificate")
        self.assertEqual(server().count(self.table), 0)

    def test_what_cannot_be_is_refused(self):
        for source, why in (("Endpoint=sb://x/;SharedAccessKeyName=a", "SharedAccessKey"),
                            ("file:../data", "file"), ("env:HOME", "RIVULET_SECRET_")):
            with self.subTest(source):
                try:
                    name = connect(source, table=self.table, eventHubName=self.topic)
                except Refused as refused:
                    self.assertIn(why, str(refused))
                else:  # a reference is looked up when the connection is made
                    eventually(lambda: server().connection(name),
                               lambda shown: shown["State"] == "Failed" and why in shown["LastError"], "Failed")
