"""The Socket.IO library by itself, under the official Python client: examples/socketio_echo sends back what it gets."""

import pathlib
import socket
import subprocess
import threading
import time
import unittest

import socketio

ECHO = pathlib.Path(__file__).parents[2] / "target" / "debug" / "examples" / "socketio_echo"
MANY = 10_000
WAYS = (["polling"], ["websocket"], ["polling", "websocket"], ["websocket", "polling"])


class Echo(unittest.TestCase):
    def setUp(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    def start(self) -> None:
        self.process = process = subprocess.Popen([ECHO, "--bind", f"127.0.0.1:{self.port}"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def client(self, **how: object) -> socketio.Client:
        client = socketio.Client(reconnection=False)
        self.addCleanup(client.disconnect)
        client.connect(f"http://127.0.0.1:{self.port}", wait_timeout=15, **how)
        return client

    def test_numbered_events_go_there_and_come_back_in_order(self) -> None:
        for transports in WAYS:
            with self.subTest(transports=transports):
                client, got, is_all = socketio.Client(reconnection=False), [], threading.Event()

                def back(n: int) -> None:
                    got.append(n)
                    if len(got) == MANY:
                        is_all.set()

                # Handlers run in threads of their own unless the client is told not to, and threads keep no order.
                client._handle_event = lambda namespace, id, data: back(data[1]) if data[0] == "message-back" else None
                client.connect(f"http://127.0.0.1:{self.port}", transports=transports, wait_timeout=15)
                for n in range(MANY):
                    client.emit("message", n)
                self.assertTrue(is_all.wait(60), f"{len(got)} of {MANY}")
                self.assertEqual(got, list(range(MANY)))
                client.disconnect()

    def test_bytes_and_acks(self) -> None:
        for transports in WAYS:
            with self.subTest(transports=transports):
                client = self.client(transports=transports)
                self.assertEqual(client.call("message-with-ack", {"bytes": b"\0\1\xfe\xff", "text": "ünï"}, timeout=15), {"bytes": b"\0\1\xfe\xff", "text": "ünï"})

    def test_a_namespace_that_there_is_not_is_refused(self) -> None:
        for transports in WAYS:
            with self.subTest(transports=transports), self.assertRaisesRegex(socketio.exceptions.ConnectionError, "namespaces failed"):
                self.client(namespaces=["/nowhere"], transports=transports)

    def test_a_restart_is_survived(self) -> None:
        for transports in WAYS:
            with self.subTest(transports=transports):
                client, again = socketio.Client(reconnection_delay=0.2, reconnection_delay_max=0.4), threading.Event()
                self.addCleanup(client.disconnect)
                client.connect(f"http://127.0.0.1:{self.port}", transports=transports, wait_timeout=15)
                client.on("connect", again.set)
                again.clear()
                self.process.kill()
                self.process.wait()
                self.start()
                self.assertTrue(again.wait(60))
                self.assertEqual(client.call("message-with-ack", 1, timeout=15), 1)
                client.disconnect()


if __name__ == "__main__":
    unittest.main()
