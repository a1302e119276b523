"""Drone updates per second beside Mesa and krABMaga: one rule, one density, one run, taken in turns.

`make bench-model` builds and runs it; it writes its part of `docs/BENCHMARKS.md`. Every program prints its own time, so
that starting a process does not count. A round asks each program once; the tables have medians over the rounds, their
spread, and ratios. REALTIME=1 gives everything real-time priority, for a machine that has other work as well; needs the
right to it.
"""

import argparse
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

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


# As the flat ones, in a layer, with as many neighbours in the round as the flat ones have twice over.
LAYER = 20.0
SOLID_NEIGHBOURS = 30.0

# The full drone of Vásárhelyi et al. 2018: quadcopters on batteries in gusts, with position errors, hearing each other
# a second late, at the density of the paper (100 in a square of 250 m).
VASARHELYI = """name = "bench"
[wind]
speed_mps = 2.0
gust_mps = 0.4
[space]
cell_m = 25.0
[gps]
coupled_m2ps2 = 0.005
[radio]
range_m = 100.0
delay_s = 1.0
[limits]
near_miss_m = 3.0
[behavior.vasarhelyi]
arena_m = {half}
[[drones]]
type = "quad"
count = {count}
box = {{ min = [-{half}, -{half}], max = [{half}, {half}] }}
altitude_m = 20.0
behavior = "vasarhelyi"
"""

# Million updates a second that we aim at, on one thread of a core of our own.
GOALS = {
    "HMRS, 1 thread": 12,
    "HMRS, three dimensions, 30 neighbours": 5,
    "HMRS, full Vásárhelyi drones": 3,
}
EVALUATION_ROW = "HMRS, evaluation of Vásárhelyi's flock"
# One evaluation of their optimisation: 100 drones, 600 s in steps of 0.01 s, decided upon every 0.2 s.
EVALUATION = ROOT / "scenarios" / "vasarhelyi.toml"
EVALUATION_TICKS = 3000


def side(count):
    """Side of the square in which a drone has `NEIGHBOURS` others within `VISION` on average."""
    return math.sqrt(math.pi * VISION**2 * count / NEIGHBOURS)


def solid_side(count):
    """Side of the layer in which a drone has `SOLID_NEIGHBOURS` others within `VISION` on average, away from its faces."""
    return math.sqrt(4 / 3 * math.pi * VISION**3 * count / SOLID_NEIGHBOURS / LAYER)


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


def sweep(jobs):
    """Wall time in seconds of a sweep of 16 runs, as many at once as `jobs`."""
    out = WORK / f"sweep-{jobs}.csv"
    out.unlink(missing_ok=True)
    command = [BINARY, "sweep", "flock", "--seeds", "1..16", "--ticks", "1500", "--jobs", jobs, "--out", out]
    began = time.perf_counter()
    subprocess.run([str(word) for word in command], check=True, capture_output=True, timeout=240)
    return time.perf_counter() - began


def cases():
    """Rows of the table: (name, drones, ticks, measure)."""
    boids = lambda count: SCENARIO.format(side=side(count), count=count)
    solid = lambda count: boids(count).replace(str(side(count)), str(solid_side(count))).replace(
        "altitude_m = 10.0", f"altitude_m = [0.6, {LAYER}]"
    )
    flock = lambda count: FLOCK.format(far=12 * math.sqrt(count), near=6 * math.sqrt(count), count=count)
    vasarhelyi = lambda count: VASARHELYI.format(half=12.5 * math.sqrt(count), count=count)
    krabmaga = [WORK / "krabmaga" / "release" / "krabmaga-flock"]
    mesa = [WORK / "venv" / "bin" / "python", ROOT / "bench" / "model" / "mesa_flock.py"]
    for threads in (1, 2):
        name = f"HMRS, {threads} thread{'s'[: threads - 1]}"
        yield name, 10_000, 100, lambda threads=threads: hmrs("boids", boids(10_000), 100, threads)
    yield "krABMaga", 10_000, 100, lambda: rival(krabmaga, 10_000, 100)
    yield "Mesa", 1_000, 10, lambda: rival(mesa, 1_000, 10)
    yield "HMRS, 100,000 drones", 100_000, 20, lambda: hmrs("many", boids(100_000), 20, 1)
    yield "HMRS, three dimensions, 30 neighbours", 10_000, 100, lambda: hmrs("solid", solid(10_000), 100, 1)
    for threads in (1, 2):
        name = f"HMRS, full quadcopters, {threads} thread{'s'[: threads - 1]}"
        yield name, 10_000, 100, lambda threads=threads: hmrs("flock", flock(10_000), 100, threads)
    yield "HMRS, full Vásárhelyi drones", 1_000, 250, lambda: hmrs("vasarhelyi", vasarhelyi(1_000), 250, 1)
    evaluation = EVALUATION.read_text()
    yield EVALUATION_ROW, 100, EVALUATION_TICKS, lambda: hmrs("evaluation", evaluation, EVALUATION_TICKS, 1)


def version(lock, crate):
    """Version of a crate in a lock file."""
    lines = lock.read_text().splitlines()
    return lines[lines.index(f'name = "{crate}"') + 1].split('"')[1]


def page(rows, sweeps, rounds, load):
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
        "batteries, avoidance, a fence, three dimensions. HMRS watches in every tick who comes too near whom and measures the order of",
        "the swarm every five seconds (small swarms: five times a second); the others measure nothing. HMRS computes in 64 bits, krABMaga in 32. HMRS and krABMaga update",
        f"all at once, Mesa one after the other. {rounds} rounds in turns; median, and lowest to highest.",
        "",
        "| program | drones | ticks | million drone updates/s | spread | we aim at | against HMRS on one thread |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, count, ticks, rates in rows:
        middle = statistics.median(rates)
        spread = f"{min(rates) / 1e6:.3g} to {max(rates) / 1e6:.3g}"
        ratio = f"{middle / base:.2g}" if middle > base / 10 else f"1/{base / middle:.0f}"
        goal = f"{GOALS[name]:g}" if name in GOALS else ""
        lines.append(f"| {name} | {count:,} | {ticks} | {middle / 1e6:.3g} | {spread} | {goal} | {ratio} |")
    of = {name: statistics.median(rates) for name, _, _, rates in rows}
    lines += ["", f"By the same rule HMRS on one thread makes **{base / of['krABMaga']:.1f} ×** as many updates as krABMaga and **{base / of['Mesa']:.0f} ×** as many as Mesa."]
    seconds = EVALUATION_TICKS * 100 / statistics.median(next(rates for name, *_, rates in rows if name == EVALUATION_ROW))
    one, two = (statistics.median(walls) for walls in sweeps)
    lines += [
        "",
        f"In three dimensions: the same rule in a layer of {LAYER:.0f} m. Full Vásárhelyi drones: quadcopters on batteries in gusts, with",
        "position errors, hearing each other a second late, as dense as in the paper. The evaluation is what an optimisation of",
        f"that flock does thousands of times, 100 drones for 600 s in steps of 0.01 s (each tick has 20): **{seconds:.2f} s** of one core.",
        f"A sweep of 16 runs of `flock` takes {one:.2f} s one by one and {two:.2f} s two at once: {50 * one / two:.0f} % of twice as fast.",
    ]
    cores = len([line for line in open("/proc/cpuinfo") if line.startswith("processor")])
    priority = "real-time" if os.environ.get("REALTIME") else "normal"
    lines += [
        "",
        f"On {cores} cores of {processor()}, Linux {platform.release()}; load average {load:.1f} before the run,",
        f"{os.getloadavg()[0]:.1f} at its end, everything measured at {priority} priority.",
        END,
    ]
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
    arguments.add_argument("--print", action="store_true", help="leave the page as it is")
    options = arguments.parse_args()
    rounds = options.rounds
    rows = [(name, count, ticks, measure, []) for name, count, ticks, measure in cases()]
    sweeps, load = ([], []), os.getloadavg()[0]
    if os.environ.get("REALTIME"):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    for turn in range(rounds):
        for jobs, walls in zip((1, 2), sweeps):
            walls.append(sweep(jobs))
            print(f"round {turn + 1}: sweep, {jobs} at once: {walls[-1]:.2f} s", flush=True)
        for name, _, _, measure, rates in rows:
            rates.append(measure())
            print(f"round {turn + 1}: {name}: {rates[-1] / 1e6:.3g} M/s", flush=True)
    text = page([(name, count, ticks, rates) for name, count, ticks, _, rates in rows], sweeps, rounds, load)
    if not options.print:
        write(text)
    print(text)


if __name__ == "__main__":
    main()
