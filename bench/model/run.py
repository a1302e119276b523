"""Drone updates per second beside Mesa and krABMaga: one rule, one density, one run, taken in turns.

`make bench-model` builds and runs it; it writes its part of `docs/BENCHMARKS.md`. Every program prints its own time, so
that starting a process does not count. A round asks each program once; the table has medians over the rounds, their
spread, and ratios.
"""

import argparse
import json
import math
import pathlib
import platform
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "bench-model"
BINARY = ROOT / "target" / "release" / "hmrs"
PAGE = ROOT / "docs" / "BENCHMARKS.md"
BEGIN, END = "<!-- model: begin -->", "<!-- model: end -->"
NEIGHBOURS, VISION = 12.6, 5.0

# The rule moves one unit of length a step. Here a step is a tick of 40 ms, so the speed is 25.
SCENARIO = """name = "bench"
[time]
tick_s = 0.04
substeps = 1
[space]
shape = "torus"
size_m = [{side}, {side}]
cell_m = 5.0
[dynamics]
model = "kinematic"
update = "forward"
[limits]
near_miss_m = 0.1
[metrics]
link_m = 5.0
[behavior.boids_abm]
speed_mps = 25.0
[[drones]]
type = "quad"
count = {count}
box = {{ min = [0.0, 0.0], max = [{side}, {side}] }}
altitude_m = 10.0
velocity = {{ speed_mps = 25.0 }}
behavior = "boids_abm"
"""

# Quadcopters with wind, gusts, batteries, avoidance and a fence.
FLOCK = """name = "bench"
[wind]
speed_mps = 2.0
gust_mps = 0.4
[[fences]]
kind = "keep_in"
polygon = [[-{far}, -{far}], [{far}, -{far}], [{far}, {far}], [-{far}, {far}]]
[[drones]]
type = "quad"
count = {count}
box = {{ min = [-{near}, -{near}], max = [{near}, {near}] }}
altitude_m = [25.0, 45.0]
behavior = "boids"
"""


def side(count):
    """Side of the square in which a drone has `NEIGHBOURS` others within `VISION` on average."""
    return math.sqrt(math.pi * VISION**2 * count / NEIGHBOURS)


def last_json(command):
    """Runs a command; the object in the last line that it prints."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=240)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def hmrs(name, text, ticks, threads):
    """Updates per second of HMRS."""
    scenario = WORK / f"{name}.toml"
    scenario.write_text(text)
    return last_json([BINARY, "run", scenario, "--ticks", ticks, "--threads", threads])["drone_updates_per_s"]


def rival(command, count, ticks):
    """Updates per second of a program that takes AGENTS STEPS SIDE."""
    result = last_json([*command, count, ticks, side(count)])
    return result["agents"] * result["steps"] / result["seconds"]


def cases():
    """Rows of the table: (name, drones, ticks, measure)."""
    boids = lambda count: SCENARIO.format(side=side(count), count=count)
    flock = lambda count: FLOCK.format(far=12 * math.sqrt(count), near=6 * math.sqrt(count), count=count)
    krabmaga = [WORK / "krabmaga" / "release" / "krabmaga-flock"]
    mesa = [WORK / "venv" / "bin" / "python", ROOT / "bench" / "model" / "mesa_flock.py"]
    for threads in (1, 2):
        name = f"HMRS, {threads} thread{'s'[: threads - 1]}"
        yield name, 10_000, 100, lambda threads=threads: hmrs("boids", boids(10_000), 100, threads)
    yield "krABMaga", 10_000, 100, lambda: rival(krabmaga, 10_000, 100)
    yield "Mesa", 1_000, 10, lambda: rival(mesa, 1_000, 10)
    for threads in (1, 2):
        name = f"HMRS, full quadcopters, {threads} thread{'s'[: threads - 1]}"
        yield name, 10_000, 100, lambda threads=threads: hmrs("flock", flock(10_000), 100, threads)


def version(lock, crate):
    """Version of a crate in a lock file."""
    lines = lock.read_text().splitlines()
    return lines[lines.index(f'name = "{crate}"') + 1].split('"')[1]


def page(rows, rounds):
    """The part between the markers."""
    pip = [WORK / "venv" / "bin" / "python", "-c", "import mesa; print(mesa.__version__)"]
    mesa = subprocess.run([str(word) for word in pip], capture_output=True, text=True, check=True).stdout.strip()
    krabmaga = version(ROOT / "bench" / "model" / "krabmaga" / "Cargo.lock", "krabmaga")
    base = statistics.median(rows[0][3])
    lines = [
        BEGIN,
        "## The model",
        "",
        f"`make bench-model`: the flocking rule of `scenarios/boids_abm.toml` in two dimensions on a torus, {NEIGHBOURS} neighbours",
        f"at the start, beside krABMaga {krabmaga} and Mesa {mesa}, each on one thread; then HMRS's own boids in the air: wind and gusts,",
        "batteries, avoidance, a fence, three dimensions. HMRS measures the swarm as it flies (who comes too near in every tick, its",
        "order five times a second); the others measure nothing. HMRS computes in 64 bits, krABMaga in 32. HMRS and krABMaga update",
        f"all at once, Mesa one after the other. {rounds} rounds in turns; median, and lowest to highest.",
        "",
        "| program | drones | ticks | million drone updates/s | spread | against HMRS on one thread |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, count, ticks, rates in rows:
        middle = statistics.median(rates)
        spread = f"{min(rates) / 1e6:.3g} to {max(rates) / 1e6:.3g}"
        ratio = f"{middle / base:.2g}" if middle > base / 10 else f"1/{base / middle:.0f}"
        lines.append(f"| {name} | {count:,} | {ticks} | {middle / 1e6:.3g} | {spread} | {ratio} |")
    cores = len([line for line in open("/proc/cpuinfo") if line.startswith("processor")])
    lines += ["", f"On {cores} cores of {processor()}, Linux {platform.release()}.", END]
    return "\n".join(lines)


def processor():
    """What the kernel calls the processor."""
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write(text):
    """Puts the part into its page, whose other parts are not touched."""
    old = PAGE.read_text() if PAGE.exists() else "# Benchmarks\n\nEach part is written by the command that stands in it.\n"
    if BEGIN in old:
        head, rest = old.split(BEGIN, 1)
        new = head + text + rest.split(END, 1)[1]
    else:
        new = old.rstrip() + "\n\n" + text + "\n"
    PAGE.write_text(new)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    rounds = arguments.parse_args().rounds
    rows = [(name, count, ticks, measure, []) for name, count, ticks, measure in cases()]
    for turn in range(rounds):
        for name, _, _, measure, rates in rows:
            rates.append(measure())
            print(f"round {turn + 1}: {name}: {rates[-1] / 1e6:.3g} M/s", flush=True)
    text = page([(name, count, ticks, rates) for name, count, ticks, _, rates in rows], rounds)
    write(text)
    print(text)


if __name__ == "__main__":
    main()
