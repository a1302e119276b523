"""The decoder of `examples/drones_delta.py`: on the golden frames, and on what the server sends beside its JSON."""

import json
import math
import pathlib
import queue
import sys
import unittest

import socketio

from server import ROOT, Server

sys.path.insert(0, str(ROOT / "examples"))
from drones_delta import Delta, Wrong  # noqa: E402  (the path must be known first)

GOLDEN = pathlib.Path(ROOT, "frontend", "test", "fixtures", "delta.json")
FIELDS = ["heading", "speed", "climb", "battery", "status", "silence"]
ERROR_M = 0.05


class Decoding(unittest.TestCase):
    def test_golden_frames_mean_what_stands_beside_them(self) -> None:
        swarm = Delta()
        for number, golden in enumerate(json.loads(GOLDEN.read_text())):
            with self.subTest(frame=number):
                frame, says = bytes.fromhex(golden["frame"]), golden["says"]
                if "wrong" in says:
                    with self.assertRaises(Wrong) as raised:
                        swarm.read(frame)
                    self.assertEqual(str(raised.exception), says["wrong"])
                    continue
                swarm.read(frame)
                for name in ["epoch", "tick_s", "seq", "tick", "server_time_ms", "state", "error_units", *FIELDS]:
                    self.assertEqual(getattr(swarm, name), says[name], name)
                self.assertEqual(swarm.position, says["position_units"])

    def test_what_is_known_is_within_the_error_of_the_json_of_the_same_tick(self) -> None:
        server = Server("--scenario", "flock")
        self.addCleanup(server.close)
        for rate_hz in [25, 5]:
            with self.subTest(rate_hz=rate_hz):
                json_updates, frames = self.listen(server, {}), self.listen(server, {"encoding": "delta", "error_m": ERROR_M, "rate_hz": rate_hz})
                said, swarm, compared = {}, Delta(), 0
                while compared < 10:
                    update = json_updates.get(timeout=15)
                    said[update["tick"]] = update["drones"]
                    while not frames.empty():
                        swarm.read(frames.get())
                        while swarm.tick > max(said):
                            update = json_updates.get(timeout=15)
                            said[update["tick"]] = update["drones"]
                        if swarm.tick in said:
                            self.compare(swarm, said[swarm.tick])
                            compared += 1

    def compare(self, swarm: Delta, drones: list) -> None:
        self.assertEqual(len(drones), len(swarm.since))
        for slot, drone in enumerate(drones):
            known = swarm.drone(slot)
            # JSON is rounded to millimetres.
            self.assertLessEqual(math.dist(known["position"], drone["position"]), ERROR_M + 0.001)
            self.assertLessEqual(abs((known["heading_deg"] - drone["heading_deg"] + 180) % 360 - 180), 0.76)
            self.assertLessEqual(abs(known["speed_mps"] - math.hypot(*drone["velocity"][:2])), 0.102)
            self.assertLessEqual(abs(known["climb_mps"] - drone["velocity"][2]), 0.102)
            self.assertLessEqual(abs(known["battery_pct"] - drone["battery_pct"]), 0.31)
            self.assertEqual(known["mode"], drone["mode"])

    def listen(self, server: Server, settings: dict) -> queue.Queue:
        """What comes for one subscription, in the form that was asked for."""
        client, heard = socketio.Client(reconnection=False), queue.Queue()
        wanted = bytes if settings else dict
        client.on("drones-update", lambda payload: heard.put(payload) if isinstance(payload, wanted) else None)
        client.connect(server.url, transports=["websocket"], wait_timeout=15)
        self.addCleanup(client.disconnect)
        answer = client.call("subscribe", {"topics": {"drones-update": settings}}, timeout=15)
        self.assertTrue(answer["ok"], answer)
        self.assertEqual(answer["topics"]["drones-update"]["encoding"], settings.get("encoding", "json"))
        return heard


if __name__ == "__main__":
    unittest.main()
