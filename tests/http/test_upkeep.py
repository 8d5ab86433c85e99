"""What the background does while a table is fed."""
import threading
import unittest

from harness import ask, mgmt, query, rows, server, table


class Upkeep(unittest.TestCase):
    def setUp(self):
        self.server = server()

    def test_delete_records_of_a_table_that_is_fed(self):
        target = table(self.server, "Fed")
        stored, stop = [0], threading.Event()

        # Rows that all match, as fast as they are taken.
        def feed():
            while not stop.is_set() and stored[0] < 2_000_000:
                body = "".join(f"x,{i}\n" for i in range(stored[0], stored[0] + 100))
                if ask(self.server, "POST", target, body).status == 200:
                    stored[0] += 100

        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            for _ in range(3):
                before = stored[0]
                while stored[0] < before + 1000:
                    stop.wait(0.01)
                before = stored[0]
                answer = mgmt(self.server, ".delete table Fed records <| Fed | where A == 'x'")
                after = stored[0] + 100  # sent after it had ended
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual(rows(query(self.server, f"Fed | where B < {before} | count")), [[0]])
        finally:
            stop.set()
            feeder.join()
        self.assertEqual(rows(query(self.server, f"Fed | where B >= {after} | count")),
                         [[max(stored[0] - after, 0)]])
