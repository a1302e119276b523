"""What both Python servers send, and their command line."""

import argparse
import struct
import time


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--drones", type=int, default=0)
    parser.add_argument("--rate-hz", type=float, default=25)
    parser.add_argument("--binary", action="store_true", help="an attachment of 16 bytes a drone instead of JSON")
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


def attachment(seq, wall_time_ms, count):
    """Number and time at their places, and room for the drones."""
    return struct.pack("<4s8xI8xd32x", b"HMRS", seq, wall_time_ms) + bytes(16 * count)


def updates(args):
    """Yields each event with the seconds to wait after it. Ticks that were missed are left out."""
    swarm, due, seq = drones(args.drones), time.monotonic(), 0
    while True:
        seq += 1
        now = time.time_ns() / 1e6
        if args.binary:
            update = attachment(seq, now, args.drones)
        else:
            update = {"seq": seq, "wall_time_ms": now, "drones": swarm}
        due = max(due + 1 / args.rate_hz, time.monotonic())
        yield update, lambda: max(0.0, due - time.monotonic())
