"""The official Python client, synchronous and asyncio, over both transports."""

import asyncio
import queue
import time
import unittest
import uuid

import socketio

from server import Server

TRANSPORTS = ["websocket", "polling"]


def rate_hz(arrivals: list[float]) -> float:
    return (len(arrivals) - 1) / (arrivals[-1] - arrivals[0])


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.addClassCleanup(cls.server.close)

    def connect(self, transport: str) -> tuple[socketio.Client, queue.Queue]:
        """A connected synchronous client and everything it hears, as `(event, payload, arrival)`."""
        client, heard = socketio.Client(reconnection=False), queue.Queue()
        client.on("*", lambda event, payload: heard.put((event, payload, time.monotonic())))
        client.connect(self.server.url, transports=[transport], auth={"name": "Python"}, wait_timeout=5)
        self.addCleanup(client.disconnect)
        return client, heard

    def wait_for(self, heard: queue.Queue, event: str, accept=lambda payload: True, within_s: float = 5.0):
        deadline = time.monotonic() + within_s
        while True:
            name, payload, _ = heard.get(timeout=max(0.01, deadline - time.monotonic()))
            if name == event and accept(payload):
                return payload

    def test_a_client_is_welcomed_and_hears_25_updates_a_second(self) -> None:
        for transport in TRANSPORTS:
            with self.subTest(transport=transport):
                client, heard = self.connect(transport)
                self.assertEqual(client.transport(), transport)
                self.assertEqual(self.wait_for(heard, "welcome")["swarm"], "default")
                time.sleep(5)
                arrivals = []
                while not heard.empty():
                    event, _, at = heard.get()
                    if event == "drones-update":
                        arrivals.append(at)
                self.assertAlmostEqual(rate_hz(arrivals), 25, delta=1)

    def test_a_command_is_answered_and_followed_to_its_end(self) -> None:
        for transport in TRANSPORTS:
            with self.subTest(transport=transport):
                client, heard = self.connect(transport)
                update = self.wait_for(
                    heard, "drones-update", lambda u: any(d["landed"] == "in_air" for d in u["drones"]), 30
                )
                drone = next(d for d in update["drones"] if d["landed"] == "in_air")["id"]
                command_id = str(uuid.uuid4())
                command = {"command_id": command_id, "command": "hold", "targets": [drone]}
                start = time.monotonic()
                ack = client.call("command", command, timeout=5)
                self.assertLess(time.monotonic() - start, 1)
                self.assertTrue(ack["ok"], ack)
                self.assertEqual(ack["results"][drone]["result"], "accepted")
                followed = self.wait_for(heard, "command-update", lambda u: u["command_id"] == command_id)
                self.assertEqual(followed["command"], "hold")
                self.assertEqual(client.call("command", command, timeout=5), ack, "the same id, the same ack")

    def test_a_wrong_command_is_refused_and_the_connection_stays(self) -> None:
        client, heard = self.connect("websocket")
        ack = client.call("command", {"command": "dance", "targets": "all"}, timeout=5)
        self.assertFalse(ack["ok"])
        self.assertEqual(ack["error"]["code"], "unknown_command")
        self.wait_for(heard, "drones-update")

    def test_a_message_comes_back_as_response_to_everyone(self) -> None:
        (first, first_heard), (_, second_heard) = self.connect("websocket"), self.connect("polling")
        payload = {"text": "grüß dich", "n": [1, 2]}
        self.assertTrue(first.call("message", payload, timeout=5)["ok"])
        for heard in (first_heard, second_heard):
            self.assertEqual(self.wait_for(heard, "response")["msg"], payload)

    def test_binary_frames_arrive_as_bytes(self) -> None:
        for transport in TRANSPORTS:
            with self.subTest(transport=transport):
                client, heard = self.connect(transport)
                topic = {"drones-update": {"encoding": "binary", "rate_hz": 25}}
                self.assertTrue(client.call("subscribe", {"topics": topic}, timeout=5)["ok"])
                frame = self.wait_for(heard, "drones-update", lambda payload: isinstance(payload, bytes))
                self.assertEqual(frame[:4], b"HMRS")
                count = int.from_bytes(frame[56:60], "little")
                self.assertEqual(len(frame), 64 + 16 * count)

    def test_a_client_that_was_cut_off_begins_anew_and_hears_how_its_command_ended(self) -> None:
        # It stands beside one that is remembered, whose events have an argument more: handlers here take one.
        remembered = socketio.Client(reconnection=False)
        remembered.connect(self.server.url, transports=["websocket"], auth={"recover": True})
        self.addCleanup(remembered.disconnect)
        client, heard = self.connect("websocket")
        update = self.wait_for(
            heard, "drones-update", lambda u: any(d["landed"] == "in_air" for d in u["drones"]), 30
        )
        drone = next(d for d in update["drones"] if d["landed"] == "in_air")
        seq = self.server.get("/api/logs?limit=1")["entries"][-1]["seq"]
        east, north, up = drone["position"]
        command_id = str(uuid.uuid4())
        ack = client.call(
            "command",
            {
                "command_id": command_id,
                "command": "goto",
                "targets": [drone["id"]],
                "params": {"position": [east, north + 3, up]},
            },
            timeout=5,
        )
        self.assertTrue(ack["ok"], ack)
        client.eio.ws.shutdown()
        time.sleep(6)
        client, heard = socketio.Client(reconnection=False), queue.Queue()
        client.on("*", lambda event, payload: heard.put((event, payload, time.monotonic())))
        client.connect(self.server.url, transports=["websocket"], auth={"logs_after": seq}, wait_timeout=5)
        self.addCleanup(client.disconnect)
        self.wait_for(heard, "welcome")
        self.assertGreater(self.wait_for(heard, "communication-log-update")["entries"][0]["seq"], seq)
        ended = self.wait_for(heard, "command-update", lambda u: u["command_id"] == command_id and u["done"], 20)
        self.assertEqual(ended["results"][drone["id"]]["result"], "completed")
        self.wait_for(heard, "drones-update")

    def test_the_asyncio_client_works_alike(self) -> None:
        async def session(transport: str) -> None:
            client, arrivals, welcomed = socketio.AsyncClient(reconnection=False), [], asyncio.Event()
            client.on("welcome", lambda payload: welcomed.set())
            client.on("drones-update", lambda payload: arrivals.append(time.monotonic()))
            await client.connect(self.server.url, transports=[transport], wait_timeout=5)
            try:
                self.assertEqual(client.transport(), transport)
                await asyncio.wait_for(welcomed.wait(), 5)
                await asyncio.sleep(5)
                self.assertAlmostEqual(rate_hz(arrivals), 25, delta=1)
                ack = await client.call("command", {"command": "signal", "targets": "all"}, timeout=5)
                self.assertIn("ok", ack)
            finally:
                await client.disconnect()

        for transport in TRANSPORTS:
            with self.subTest(transport=transport):
                asyncio.run(session(transport))


if __name__ == "__main__":
    unittest.main(verbosity=2)
