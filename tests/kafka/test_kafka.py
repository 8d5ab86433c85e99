"""Data connections of kind kafka: what each property and each kind of event comes to."""
import gzip
import json
import unittest

from harness import (Refused, as_properties, broker, create_topic, eventually, members, new_name, new_topic, producer, send, server,
                     topic_content)


def connect(topic, **properties):
    """A connection that reads the topic from its beginning; its name."""
    name = new_name("Connection")
    given = {"topic": topic, "format": "json", "retrievalStartDate": "earliest", "consumerGroup": name, **properties}
    server().command(f".create data-connection {name} kind=kafka ('{broker().plain}') with ({as_properties(given)})")
    return name


def new_table(columns="(Id:long, Name:string)"):
    name = new_name("Table")
    server().command(f".create table {name} {columns}")
    return name


def failures(connection):
    return [row for row in server().command(".show ingestion failures") if f"/{connection}/" in row["IngestionSourcePath"]]


class Formats(unittest.TestCase):
    def test_json_by_column_names(self):
        topic, table = new_topic(), new_table()
        connect(topic, table=table)
        send(topic, '{"Id":1,"Name":"one"}', '{"Name":"two","Id":2,"Other":[1]}', '{"Id":3}')
        server().await_rows(f"{table} | order by Id asc", [[1, "one"], [2, "two"], [3, ""]])

    def test_json_by_mapping(self):
        topic, table = new_topic(), new_table()
        server().command(f".create table {table} ingestion json mapping 'm' "
                         """'[{"column":"Id","path":"$.number"},{"column":"Name","path":"$.a.b"}]'""")
        connect(topic, table=table, mappingName="m")
        send(topic, '{"number":1,"a":{"b":"x"}}', '{"number":2}')
        server().await_rows(f"{table} | order by Id asc", [[1, "x"], [2, ""]])

    def test_csv_with_several_records_in_an_event(self):
        topic, table = new_topic(), new_table()
        connect(topic, table=table, format="csv")
        send(topic, '1,one\n2,"two, with a comma"', "3,three\n")
        server().await_rows(f"{table} | order by Id asc", [[1, "one"], [2, "two, with a comma"], [3, "three"]])

    def test_csv_by_mapping(self):
        topic, table = new_topic(), new_table()
        server().command(f".create table {table} ingestion csv mapping 'm' "
                         """'[{"column":"Id","Properties":{"Ordinal":"1"}},{"column":"Name","Properties":{"Ordinal":"0"}}]'""")
        connect(topic, table=table, format="csv", mappingName="m")
        send(topic, "one,1")
        server().await_rows(table, [[1, "one"]])

    def test_gzip_for_all_and_for_one(self):
        topic, table = new_topic(), new_table()
        connect(topic, table=table, compression="gzip")
        send(topic, gzip.compress(b'{"Id":1,"Name":"one"}\n{"Id":2,"Name":"two"}'))
        server().await_rows(f"{table} | order by Id asc", [[1, "one"], [2, "two"]])
        topic, table = new_topic(), new_table()
        connect(topic, table=table, routing=True)
        send(topic, {"value": gzip.compress(b'{"Id":1}'), "headers": {"Compression": "gzip"}}, '{"Id":2}')
        server().await_rows(f"{table} | order by Id asc | project Id", [[1], [2]])

    def test_compressions_of_batches(self):
        for codec in ("gzip", "snappy", "lz4", "zstd"):
            with self.subTest(codec):
                topic, table = new_topic(), new_table()
                connect(topic, table=table)
                events = [json.dumps({"Id": i, "Name": "the same text " * 8}) for i in range(500)]
                send(topic, *events, **{"compression.type": codec})
                server().await_rows(f"{table} | summarize count(), sum(Id), countof(take_any(Name), 'same')",
                                    [[500, 124750, 8]])

    def test_transactions_of_producers(self):
        topic, table = new_topic(2), new_table()
        name = connect(topic, table=table)
        sender = producer(**{"transactional.id": new_name("producer")})
        sender.init_transactions(60)
        for number, is_kept in enumerate((True, False, True, False)):
            sender.begin_transaction()
            for i in range(10):
                sender.produce(topic, json.dumps({"Id": number, "Name": str(i)}), partition=i % 2)
            sender.flush(60)
            if is_kept:
                sender.commit_transaction(60)
            else:
                sender.abort_transaction(60)
        server().await_rows(f"{table} | summarize count() by Id | order by Id asc", [[0, 10], [2, 10]])
        # The aborted events and the marks of transactions are nothing that is still to come.
        eventually(lambda: server().connection(name)["Lag"], 0, "lag")
        # What is sent behind them is read behind them.
        send(topic, *({"value": '{"Id":4}', "partition": i} for i in range(2)))
        server().await_rows(f"{table} | where Id == 4 | count", [[2]])
        self.assertEqual(server().count(table), 22)


class Routing(unittest.TestCase):
    def test_by_properties(self):
        topic, one, other, default = new_topic(4), new_table(), new_table(), new_table()
        server().command(f".create table {other} ingestion csv mapping 'm' "
                         """'[{"column":"Id","Properties":{"Ordinal":"1"}},{"column":"Name","Properties":{"Ordinal":"0"}}]'""")
        connect(topic, table=default, routing=True)
        send(topic, {"value": '{"Id":1}', "headers": {"Table": one}},
             {"value": "x,2", "headers": [("Table", other), ("Format", "csv"), ("IngestionMappingReference", "m")]},
             '{"Id":3}',
             {"value": "4,y", "headers": {"table": one, "format": "CSV"}})
        server().await_rows(f"{one} | order by Id asc", [[1, ""], [4, "y"]])
        server().await_rows(other, [[2, "x"]])
        server().await_rows(default, [[3, ""]])

    def test_properties_count_for_nothing_without_routing(self):
        topic, table, other = new_topic(), new_table(), new_table()
        connect(topic, table=table)
        send(topic, {"value": '{"Id":1}', "headers": {"Table": other}})
        server().await_rows(table, [[1, ""]])
        self.assertEqual(server().count(other), 0)

    def test_into_another_database(self):
        topic, other = new_topic(), new_name("Database")
        server().command(f".create database {other}")
        server().command(".create table Away (Id:long)", other)
        single, multi = (connect(topic, table=new_table(), routing=True, databaseRouting=kind) for kind in ("Single", "Multi"))
        send(topic, {"value": '{"Id":1}', "headers": {"Database": other, "Table": "Away"}})
        (failed,) = eventually(lambda: failures(single), lambda found: len(found) == 1)
        self.assertIn(other, failed["Details"])
        eventually(lambda: server().rows("Away", other), [[1]], "the other database")
        self.assertEqual(failures(multi), [])


class SystemProperties(unittest.TestCase):
    NAMES = "x-opt-enqueued-time,x-opt-offset,x-opt-sequence-number,x-opt-partition-key,kafka-key,kafka-partition"

    def test_in_json(self):
        topic = new_topic(3)
        table = new_table("(Id:long, ['x-opt-enqueued-time']:datetime, ['x-opt-offset']:long, "
                          "['x-opt-sequence-number']:long, ['kafka-key']:string, ['kafka-partition']:int)")
        connect(topic, table=table, eventSystemProperties=self.NAMES)
        send(topic, {"value": '{"Id":1}', "partition": 2, "key": "k", "timestamp": 1700000000123},
             {"value": '{"Id":2}', "partition": 2, "timestamp": 1700000000124})
        server().await_rows(f"{table} | order by Id asc",
                            [[1, "2023-11-14T22:13:20.123Z", 0, 0, "k", 2], [2, "2023-11-14T22:13:20.124Z", 1, 1, "", 2]])

    def test_in_csv(self):
        topic = new_topic(2)
        table = new_table("(Offset:long, Partition:int, Id:long, Name:string)")
        connect(topic, table=table, format="csv", eventSystemProperties="x-opt-offset,kafka-partition")
        send(topic, {"value": "7,seven", "partition": 1}, {"value": "8,eight", "partition": 1})
        server().await_rows(f"{table} | order by Id asc", [[0, 1, 7, "seven"], [1, 1, 8, "eight"]])


class Failures(unittest.TestCase):
    def test_are_shown_and_kept_and_stop_nothing(self):
        topic, table, letters = new_topic(), new_table(), new_name("DeadLetters")
        name = connect(topic, table=table, routing=True, deadLetterTable=letters)
        send(topic, '{"Id":1}', '{"Id":', {"value": '{"Id":9}', "key": "k", "headers": {"Table": "NoSuchTable", "a": "b"}},
             b"\xff\xfe", '{"Id":2}')
        server().await_rows(f"{table} | order by Id asc | project Id", [[1], [2]])
        server().await_rows(f"{letters} | order by Offset asc | project Offset, Partition, Topic, Key, Body, BodyEncoding, "
                            "tostring(Properties)",
                            [[1, 0, topic, "", '{"Id":', "utf-8", "{}"],
                             [2, 0, topic, "k", '{"Id":9}', "utf-8", '{"Table":"NoSuchTable","a":"b"}'],
                             [3, 0, topic, "", "//4=", "base64", "{}"]])
        found = eventually(lambda: failures(name), lambda found: len(found) == 3, "failures")
        found.sort(key=lambda row: row["IngestionSourcePath"])
        self.assertEqual([row["IngestionSourcePath"] for row in found],
                         [f"kafka://{name}/{topic}/0/{offset}" for offset in (1, 2, 3)])
        self.assertIn("NoSuchTable", found[1]["Details"])
        eventually(lambda: [server().connection(name)[count] for count in ("Events", "Rows", "FailedEvents")], [5, 2, 3],
                   "counts")

    def test_hold_waits_for_the_table_and_others_go_on(self):
        topic, table, later = new_topic(2), new_table(), new_name("Later")
        name = connect(topic, table=table, routing=True, onMissingTarget="hold")
        send(topic, *({"value": json.dumps({"Id": i}), "partition": 0, "headers": {"Table": later if i == 1 else table}}
                      for i in range(3)),
             *({"value": json.dumps({"Id": i}), "partition": 1} for i in range(10, 13)))
        server().await_rows(f"{table} | order by Id asc | project Id", [[0], [10], [11], [12]])
        self.assertIn(later, server().await_state(name, "Holding")["StateReason"])
        held = eventually(lambda: server().command(f".show data-connection {name} details")[0],
                          lambda partition: (partition["State"], partition["NextOffset"]) == ("Holding", 1), "partition 0")
        self.assertIn(later, held["Reason"])
        server().command(f".create table {later} (Id:long)")
        server().await_rows(later, [[1]])
        server().await_rows(f"{table} | order by Id asc | project Id", [[0], [2], [10], [11], [12]])
        server().await_state(name, "Running")


class Life(unittest.TestCase):
    def test_disable_and_enable(self):
        topic, table = new_topic(), new_table()
        name = connect(topic, table=table)
        send(topic, '{"Id":1}')
        server().await_rows(f"{table} | project Id", [[1]])
        server().command(f".disable data-connection {name}")
        self.assertEqual(server().connection(name)["State"], "Disabled")
        send(topic, '{"Id":2}')
        server().command(f".enable data-connection {name}")
        server().await_rows(f"{table} | project Id | order by Id asc", [[1], [2]])

    def test_alter_goes_on_at_the_same_offset(self):
        topic, table, other = new_topic(), new_table(), new_table()
        name = connect(topic, table=table)
        send(topic, '{"Id":1}')
        server().await_rows(f"{table} | project Id", [[1]])
        server().command(f".alter data-connection {name} with (table='{other}', format='csv')")
        send(topic, "2,two")
        server().await_rows(other, [[2, "two"]])
        self.assertEqual(server().count(table), 1)

    def test_drop_and_create_again(self):
        topic, table = new_topic(), new_table()
        name = connect(topic, table=table)
        send(topic, '{"Id":1}')
        server().await_rows(f"{table} | project Id", [[1]])
        server().command(f".drop data-connection {name}")
        self.assertNotIn(name, [row["Name"] for row in server().command(".show data-connections")])
        send(topic, '{"Id":2}')
        other = new_table()
        connect(topic, table=other)  # another group, from the beginning
        server().await_rows(f"{other} | project Id | order by Id asc", [[1], [2]])
        self.assertEqual(server().count(table), 1)

    def test_drop_database(self):
        topic, database, name = new_topic(), new_name("Database"), new_name("Connection")
        server().command(f".create database {database}")
        server().command(".create table Away (Id:long)", database)
        server().command(f".create data-connection {name} kind=kafka ('{broker().plain}') with (topic='{topic}', "
                         f"table='Away', format='json', retrievalStartDate='earliest', consumerGroup='{name}')", database)
        send(topic, '{"Id":1}')
        eventually(lambda: server().rows("Away", database), [[1]], "rows")
        self.assertEqual(len(members(name)), 1)
        server().command(f".drop database {database}")
        self.assertNotIn(name, [row["Name"] for row in server().command(".show cluster data-connections")])
        self.assertNotIn(name, server().metrics())
        eventually(lambda: members(name), [], "members of its group")
        # Another database of the name has nothing of it.
        server().command(f".create database {database}")
        server().command(".create table Away (Id:long)", database)
        other = new_table()
        connect(topic, table=other)
        send(topic, '{"Id":2}')
        server().await_rows(f"{other} | project Id | order by Id asc", [[1], [2]])
        self.assertEqual(server().rows("Away", database), [])

    def test_begins_with_what_is_enqueued_from_now_on(self):
        topic, table = new_topic(), new_table()
        send(topic, {"value": '{"Id":1}', "timestamp": 1700000000000})
        name = new_name("Connection")
        server().command(f".create data-connection {name} kind=kafka ('{broker().plain}') "
                         f"with (topic='{topic}', table='{table}', format='json')")
        send(topic, '{"Id":2}')
        server().await_rows(f"{table} | project Id", [[2]])

    def test_lag_and_counts(self):
        topic, table = new_topic(4), new_table()
        name = connect(topic, table=table)
        send(topic, *({"value": json.dumps({"Id": i}), "partition": i % 4} for i in range(1000)))
        server().await_rows(f"{table} | summarize count(), sum(Id)", [[1000, 499500]])
        # The end of a partition is known a moment later than its events.
        shown = eventually(lambda: server().connection(name),
                           lambda shown: (shown["Lag"], shown["Events"]) == (0, 1000), "lag")
        self.assertEqual((shown["State"], shown["Rows"]), ("Running", 1000))
        self.assertEqual([(p["Partition"], p["NextOffset"], p["Lag"])
                          for p in server().command(f".show data-connection {name} details")],
                         [(i, 250, 0) for i in range(4)])

    def test_a_topic_that_comes_later(self):
        topic, table = new_name("later-"), new_table()
        name = connect(topic, table=table)
        eventually(lambda: server().connection(name), lambda shown: topic in shown["LastError"], "the error names the topic")
        create_topic(topic)
        send(topic, '{"Id":1}')
        server().await_rows(f"{table} | project Id", [[1]])

    def test_what_cannot_be_is_refused(self):
        for text, why in (("with (topic='t')", "table"), ("with (table='NoSuchTable', topic='t')", "NoSuchTable"),
                          ("with (topic='t', table='T', colour='red')", "colour")):
            with self.subTest(text), self.assertRaisesRegex(Refused, why):
                server().command(f".create data-connection Never kind=kafka ('{broker().plain}') {text}")


class Restart(unittest.TestCase):
    def test_in_good_order(self):
        topic, table = new_topic(3), new_table()
        name = connect(topic, table=table)
        for first in (0, 100, 200):
            send(topic, *(json.dumps({"Id": i}) for i in range(first, first + 100)))
            server().stop()
            server().start()
        server().await_read(name)
        self.assertEqual(server().rows(f"{table} | summarize count(), dcount(Id, 4)"), [[300, 300]])
        self.assertEqual(len(topic_content(topic)), 300)
