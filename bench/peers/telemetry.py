"""What both Python servers send, and their command line."""

import argparse
import time


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--drones", type=int, default=0)
    parser.add_argument("--rate-hz", type=float, default=25)
    return parser.parse_args()


def drones(count):
    return [
        {
            "id": f"drone-{at}",
            "position": [at + 0.25, at + 0.5, 10.75],
            "velocity": [1.25, -0.5, 0.25],
            "heading_deg": 90.5,
            "mode": "hold",
        }
        for at in range(count)
    ]


def updates(count, rate_hz):
    """Yields each event with the seconds to wait after it. Ticks that were missed are left out."""
    swarm, due, seq = drones(count), time.monotonic(), 0
    while True:
        seq += 1
        update = {"seq": seq, "wall_time_ms": time.time_ns() / 1e6, "drones": swarm}
        due = max(due + 1 / rate_hz, time.monotonic())
        yield update, lambda: max(0.0, due - time.monotonic())
