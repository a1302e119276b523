"""Follows a swarm over a weak link: `drones-update` as changes (docs/PROTOCOL.md), with the official Python client.

    python examples/drones_delta.py http://localhost:5000      prints where the first drones are, once a second

The decoder needs the standard library alone.
"""

import struct
import sys
import time

MAGIC, VERSION, WHOLE = 0xDE, 1, 1
UNITS_PER_M = 4096
MODES = "standby takeoff hold guided mission swarm rtl land emergency".split()


class Wrong(Exception):
    """A frame that cannot be used. After "gap", a frame that was lost, the next whole one heals it: emit `keyframe`."""


class Bits:
    """Reads bits, the most significant first."""

    def __init__(self, data):
        self.text, self.at = "".join(f"{byte:08b}" for byte in data), 0

    def left(self):
        return len(self.text) - self.at

    def bits(self, length):
        if length > self.left():
            raise Wrong("short")
        self.at += length
        return int(self.text[self.at - length : self.at] or "0", 2)

    def rice(self, k):
        for ones in range(24):
            if self.bits(1) == 0:
                return ones << k | self.bits(k)
        return self.bits(32)

    def signed(self, k, more=0):
        """0, -1, 1, -2, 2, …"""
        value = self.rice(k) + more
        return value >> 1 ^ -(value & 1)

    def varint(self):
        value = shift = 0
        while True:
            byte = self.bits(8)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def double(self):
        return struct.unpack("<d", self.bits(64).to_bytes(8, "big"))[0]


def wrap(value):
    """As a signed number of 32 bits."""
    return (value + 2**31) % 2**32 - 2**31


class Delta:
    """What is known of a swarm. `read` takes every frame; a new connection needs a new `Delta`."""

    def __init__(self):
        self.chain = None

    def read(self, data):
        bits = Bits(data)
        if bits.bits(8) != MAGIC:
            raise Wrong("magic")
        if bits.bits(8) != VERSION:
            raise Wrong("version")
        flags, chain, seq = bits.bits(8), bits.varint(), bits.varint()
        if flags & WHOLE:
            self.chain = None
            self._whole(bits)
        else:
            before = (seq - bits.varint()) % 2**32
            if (chain, before) != (self.chain, getattr(self, "seq", None)):
                raise Wrong("gap")
            self.chain = None
            self._changes(bits)
        if bits.left() >= 8 or bits.bits(bits.left()) != 0:
            raise Wrong("long")
        self.chain, self.seq, self.state = chain, seq, flags >> 1

    def _whole(self, bits):
        self.epoch, self.tick, self.server_time_ms = bits.varint(), bits.varint(), bits.varint()
        self.tick_s = bits.double()
        self.error_units, count = bits.varint(), bits.varint()
        if count > bits.left():
            raise Wrong("count")
        columns = []
        for _ in range(13):
            k, value, column = bits.bits(5), 0, []
            for _ in range(count):
                value = wrap(value + bits.signed(k))
                column.append(value)
            columns.append(column)
        self.position, self.velocity, self.since = columns[:3], columns[3:6], columns[6]
        self.heading, self.speed, self.climb, self.battery, self.status, self.silence = self.fields = columns[7:]

    def _changes(self, bits):
        ticks, waited = bits.varint(), bits.varint()
        self.tick += ticks
        self.server_time_ms += waited >> 1 ^ -(waited & 1)
        for position, velocity in zip(self.position, self.velocity):
            for slot, each in enumerate(velocity):
                position[slot] = wrap(position[slot] + each * ticks)
        self.since[:] = (min(since + ticks, 255) for since in self.since)
        self.silence[:] = (min(silent + ticks, 255) if silent else 0 for silent in self.silence)
        step = max(1, self.error_units * 4 // 5)

        def correct(slot, k):
            since, self.since[slot] = max(self.since[slot], 1), 0
            for position, velocity in zip(self.position, self.velocity):
                error = wrap(bits.signed(k) * step)
                position[slot] = wrap(position[slot] + error)
                velocity[slot] = wrap(velocity[slot] + abs(error) // since * (1 if error > 0 else -1))

        self._list(bits, correct)
        for field in self.fields:

            def change(slot, k, field=field):
                field[slot] += bits.signed(k, 1)
                if field is self.heading:
                    field[slot] %= 256

            self._list(bits, change)

    def _list(self, bits, take):
        if bits.bits(1) == 0:
            return
        skip, k = bits.bits(5), bits.bits(5)
        slot = bits.rice(skip)
        while slot < len(self.since):
            take(slot, k)
            slot += 1 + bits.rice(skip)
        if slot > len(self.since):
            raise Wrong("value")

    def drone(self, slot):
        """What is known of the drone in row `slot` of the `drones-table` of this epoch."""
        return {
            "position": [column[slot] / UNITS_PER_M for column in self.position],
            "heading_deg": self.heading[slot] * 360 / 256,
            "speed_mps": self.speed[slot] * 0.2,
            "climb_mps": self.climb[slot] * 0.2,
            "battery_pct": None if self.battery[slot] == 255 else self.battery[slot] / 2,
            "mode": MODES[self.status[slot] & 15],
            "flags": self.status[slot] >> 4,
            "silent_ticks": self.silence[slot],
        }


def main(url):
    import socketio

    client, swarm, names, told_at = socketio.Client(), Delta(), {}, 0

    @client.on("drones-table")
    def table(told):
        names[told["epoch"]] = [drone["id"] for drone in told["drones"]]

    @client.on("drones-update")
    def update(frame):
        nonlocal told_at
        if not isinstance(frame, bytes):
            return  # JSON, until the subscription holds
        try:
            swarm.read(frame)
        except Wrong:
            client.emit("keyframe")
            return
        if time.monotonic() > told_at + 1:
            told_at = time.monotonic()
            for slot, name in enumerate(names.get(swarm.epoch, [])[:3]):
                print(swarm.tick, name, swarm.drone(slot), flush=True)

    client.connect(url)
    client.call("subscribe", {"topics": {"drones-update": {"encoding": "delta", "error_m": 0.05}}})
    client.wait()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:5000")
