"""Exports of a recorded run, read by the official MCAP reader and by pandas, and compared with SQL on the same run."""

import io
import json
import pathlib
import sqlite3
import time
import unittest
import urllib.request

import pandas
from mcap.reader import make_reader

from server import Server

TICKS, EVERY = 500, 25

# Columns of the export and of the database.
STATES = {
    "tick": "t.tick",
    "drone": "t.drone",
    "type": "d.kind",
    "group": "d.swarm_group",
    "e_m": "t.east_m",
    "n_m": "t.north_m",
    "u_m": "t.up_m",
    "ve_mps": "t.velocity_east_mps",
    "vn_mps": "t.velocity_north_mps",
    "vu_mps": "t.velocity_up_mps",
    "heading_deg": "t.heading_deg",
    "battery_pct": "t.battery_pct",
    "mode": "t.mode",
    "landed": "t.landed",
    "armed": "t.armed <> 0",
    "alert": "t.alert_text",
}
JOURNAL = ["seq", "tick", "author", "via", "command_id", "command", "targets", "params"]
HAPPENINGS = ["tick", "level", "source", "code", "message"]


def plain(value):
    """A value as both sides have it: 0 and 1 for what is true or not, None for what is no number and for no text."""
    if value is None or isinstance(value, str):
        return value or None
    number = float(value)
    return None if number != number else number


def rows(records, columns):
    return [tuple(plain(record[column]) for column in columns) for record in records]


class Exports(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server("--scenario", "hello", "--paused", "--telemetry-every", str(EVERY))
        cls.addClassCleanup(cls.server.close)
        drones = [drone["id"] for drone in cls.server.get("/api/drones")["drones"]]
        cls.fly(100)
        cls.command("goto", [drones[0]], {"position": [30, 20, 25]})
        cls.command("hold", drones[1:3])
        cls.fly(200)
        cls.command("inject_fault", drones[3:4], {"fault": "link"})  # gives the log something to say
        cls.command("set_param", None, {"path": "limits.separation_m", "value": 6.5})
        cls.fly(TICKS)
        cls.run_id = cls.server.get("/api/status")["run_id"]
        cls.exported("csv", "metrics")  # reading waits until everything is in the database
        cls.database = sqlite3.connect(pathlib.Path(cls.server.data_dir) / "hmrs.sqlite")
        cls.addClassCleanup(cls.database.close)

    @classmethod
    def command(cls, command, targets=None, params=None):
        wish = {"command": command, "params": params or {}} | ({} if targets is None else {"targets": targets})
        request = urllib.request.Request(cls.server.url + "/api/command", json.dumps(wish).encode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=15) as response:
            assert json.load(response)["ok"]

    @classmethod
    def fly(cls, to: int) -> None:
        cls.command("step", None, {"ticks": to - cls.server.get("/api/status")["tick"]})
        deadline = time.monotonic() + 60
        while cls.server.get("/api/status")["tick"] < to:
            assert time.monotonic() < deadline, f"not at tick {to} within a minute"
            time.sleep(0.02)

    @classmethod
    def exported(cls, format: str, table: str) -> bytes:
        path = f"/api/runs/{cls.run_id}/export?format={format}&table={table}&every={EVERY}&from=1"
        with urllib.request.urlopen(cls.server.url + path, timeout=60) as response:
            return response.read()

    def sql(self, query: str) -> list[tuple]:
        return [tuple(map(plain, row)) for row in self.database.execute(query, {"run": self.run_id})]

    def states(self) -> list[tuple]:
        since = "SELECT max(since_tick) FROM drones x WHERE x.run_id = t.run_id AND x.drone = t.drone AND x.since_tick <= t.tick"
        return self.sql(
            f"SELECT {', '.join(STATES.values())} FROM telemetry t JOIN drones d ON d.run_id = t.run_id AND d.drone = t.drone "
            f"WHERE t.run_id = :run AND d.since_tick = ({since}) ORDER BY t.tick, t.drone"
        )

    def metrics(self) -> list[tuple[float, dict]]:
        query = "SELECT tick, json FROM metrics WHERE run_id = :run ORDER BY tick"
        return [(tick, json.loads(text)) for tick, text in self.database.execute(query, {"run": self.run_id})]

    def journal(self) -> list[tuple]:
        columns = ", ".join(JOURNAL).replace("params", "nullif(params, 'null')")
        return self.sql(f"SELECT {columns} FROM journal WHERE run_id = :run ORDER BY seq")

    def happenings(self) -> list[tuple]:
        # What the server says of its own clock and database is no part of the run that is flown again.
        of_drones = "source IN (SELECT drone FROM drones WHERE run_id = :run)"
        query = f"SELECT {', '.join(HAPPENINGS)} FROM happenings WHERE run_id = :run AND {of_drones} ORDER BY seq"
        return self.sql(query)

    def assert_states(self, records) -> None:
        there = self.states()
        drones = len({row[1] for row in there})
        self.assertEqual(len(there), drones * TICKS // EVERY)
        found = sorted(rows(records, STATES), key=lambda row: (row[0], row[1]))
        self.assertEqual(len(found), len(there))
        self.assertEqual(found, there)

    def assert_metrics(self, records) -> None:
        there = self.metrics()
        self.assertEqual([record["tick"] for record in records], [tick for tick, _ in there])
        shared = there[0][1].keys() & records[0].keys()
        self.assertGreater(len(shared), 5, shared)
        for record, (tick, metrics) in zip(records, there):
            for name in shared:
                self.assertEqual(plain(record[name]), plain(metrics[name]), f"{name} at tick {tick}")

    def assert_happenings(self, records) -> None:
        drones = {drone for (drone,) in self.database.execute("SELECT drone FROM drones")}
        found = rows([record for record in records if record["source"] in drones], HAPPENINGS)
        self.assertGreater(len(found), 0)
        self.assertEqual(found, self.happenings())

    def test_pandas_reads_from_parquet_what_sql_says(self) -> None:
        def read(table):
            file = io.BytesIO(self.exported("parquet", table))
            return pandas.read_parquet(file).to_dict("records")

        self.assert_states(read("states"))
        self.assert_metrics(read("metrics"))
        self.assertEqual(rows(read("journal"), JOURNAL), self.journal())
        self.assertEqual(len(self.journal()), 4)
        self.assert_happenings(read("happenings"))

    def test_the_official_reader_reads_from_mcap_what_sql_says(self) -> None:
        reader = make_reader(io.BytesIO(self.exported("mcap", "states")), validate_crcs=True)
        summary = reader.get_summary()
        topics = {"/states", "/metrics", "/journal", "/happenings"}
        self.assertEqual({channel.topic for channel in summary.channels.values()}, topics)
        found = {topic: [] for topic in topics}
        for schema, channel, message in reader.iter_messages():
            self.assertEqual((schema.encoding, channel.message_encoding), ("jsonschema", "json"))
            record, properties = json.loads(message.data), json.loads(schema.data)["properties"]
            self.assertEqual(record.keys(), properties.keys())
            self.assertEqual(message.log_time, round(record["sim_time_s"] * 1e9))
            found[channel.topic].append(record)
        for channel in summary.channels.values():
            count = summary.statistics.channel_message_counts.get(channel.id, 0)
            self.assertEqual(count, len(found[channel.topic]), channel.topic)
        self.assertEqual({file.name for file in reader.iter_metadata()}, {"provenance"})
        self.assert_states(found["/states"])
        self.assert_metrics(found["/metrics"])
        self.assertEqual(rows(found["/journal"], JOURNAL), self.journal())
        self.assert_happenings(found["/happenings"])


if __name__ == "__main__":
    unittest.main()
