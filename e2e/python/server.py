"""Starts the real binary for the tests of the official Python client, and ends it."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("HMRS_BIN", ROOT / "target" / "release" / "hmrs")


class Server:
    """`hmrs serve` on a free loopback port with a data directory of its own, once it answers `/api/health`."""

    def __init__(self, *args: str, healthy_s: float = 20.0) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.data_dir = tempfile.mkdtemp(prefix="hmrs-e2e-")
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        command = [BINARY, "serve", "--bind", f"127.0.0.1:{port}", "--data-dir", self.data_dir, *args]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + healthy_s
        while True:
            try:
                self.get("/api/health")
                return
            except (OSError, urllib.error.URLError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.close()
                    raise
                time.sleep(0.05)

    def get(self, path: str):
        with urllib.request.urlopen(self.url + path, timeout=5) as response:
            return json.load(response)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.data_dir, ignore_errors=True)
