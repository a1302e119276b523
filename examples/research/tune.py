#!/usr/bin/env python3
"""Tunes the flock of Vásárhelyi et al. 2018 for a speed, as its authors did: by evolution, judged by its fitness.

    python3 tune.py 6 tuned-6                # the best set for 6 m/s, and everything that led to it, in tuned-6/

A generation is one `hmrs sweep`: a Latin hypercube over ranges of the eleven parameters, several seeds a point. The next
ranges lie around the best quarter and are a little wider than these are, so what is good at an edge can be left. Ends
with the best set over seeds that the search has never seen, beside the set that the search began with. Interrupt it and
start it again: what has been computed is not computed again, and the outcome is the same.

Needs `hmrs` on the PATH or in HMRS_BIN, and nothing that Python does not bring.
"""

import argparse
import csv
import json
import os
import subprocess
from collections import defaultdict
from pathlib import Path
from statistics import fmean, pstdev

HMRS = os.environ.get("HMRS_BIN", "hmrs")
BEHAVIOR = "behavior.vasarhelyi."
# Where the search may go, and the authors' set for 4 m/s.
BOUNDS = {
    "repulsion_m": (10.0, 60.0, 25.6),
    "repulsion_gain": (0.02, 0.6, 0.13),
    "friction_m": (10.0, 100.0, 85.3),
    "friction": (0.02, 0.3, 0.05),
    "friction_mps": (0.1, 2.0, 0.63),
    "friction_gain": (0.5, 8.0, 3.2),
    "friction_mps2": (1.0, 8.0, 4.16),
    "shill_m": (0.0, 15.0, 0.3),
    "shill_mps": (5.0, 25.0, 13.6),
    "shill_gain": (0.5, 8.0, 3.55),
    "shill_mps2": (1.0, 8.0, 3.02),
}
# The next ranges reach this many standard deviations of the best beyond their mean; of a range that spans less than a
# twentieth of its bounds, the seeds' noise is all that is left to be found.
REACH, NARROWEST = 1.6, 0.05


def fixed(speed: float) -> dict[str, str]:
    """What the speed decides. The first minute, in which the flock forms, does not count."""
    return {BEHAVIOR + "flock_mps": str(speed), BEHAVIOR + "speed_mps_max": str(2 * speed), "metrics.steady_from_s": "60"}


def sweep(out: Path, arguments: list[str]) -> list[dict[str, str]]:
    """The rows of a sweep of `vasarhelyi`, computed or found."""
    subprocess.run([HMRS, "sweep", "vasarhelyi", *arguments, "--out", str(out)], check=True, stdout=subprocess.PIPE)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert not any(row["error"] for row in rows), next(row for row in rows if row["error"])
    return rows


def judged(rows: list[dict[str, str]]) -> list[tuple[float, dict[str, float]]]:
    """Points with the mean of their fitness over seeds, the best first."""
    seeds = defaultdict(list)
    for row in rows:
        seeds[tuple(float(row[BEHAVIOR + name]) for name in BOUNDS)].append(float(row["fitness_total"]))
    points = [(fmean(fitness), dict(zip(BOUNDS, point))) for point, fitness in seeds.items()]
    return sorted(points, key=lambda point: point[0], reverse=True)


def around(best: list[tuple[float, dict[str, float]]]) -> dict[str, tuple[float, float]]:
    """The ranges of the next generation."""
    ranges = {}
    for name, (low, high, _) in BOUNDS.items():
        values = [point[name] for _, point in best]
        half = max(REACH * pstdev(values), NARROWEST * (high - low) / 2)
        ranges[name] = (max(low, fmean(values) - half), min(high, fmean(values) + half))
    return ranges


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("speed", type=float, help="flocking speed, m/s")
    arguments.add_argument("out", type=Path, help="folder of the sweeps and of best.json")
    arguments.add_argument("--generations", type=int, default=10)
    arguments.add_argument("--points", type=int, default=96, help="points of a generation")
    arguments.add_argument("--seconds", type=int, default=300, help="simulated seconds of a run")
    arguments.add_argument("--jobs", type=int, default=os.cpu_count())
    options = arguments.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    speed = [word for path, value in fixed(options.speed).items() for word in ("--grid", f"{path}={value}")]
    common = [*speed, "--seconds", str(options.seconds), "--jobs", str(options.jobs)]

    ranges = {name: (low, high) for name, (low, high, _) in BOUNDS.items()}
    for generation in range(options.generations):
        # Other seeds each time: nobody is to be good at one flock.
        seeds = f"{2 * generation + 1}..{2 * generation + 2}"
        spans = [w for n, (a, b) in ranges.items() for w in ("--range", f"{BEHAVIOR}{n}={a:.6g}..{b:.6g}")]
        latin = ["--lhs", str(options.points), "--lhs-seed", str(generation + 1), *spans]
        points = judged(sweep(options.out / f"generation-{generation + 1}.csv", [*common, "--seeds", seeds, *latin]))
        best = points[: options.points // 4]
        ranges = around(best)
        quarter = fmean(fitness for fitness, _ in best)
        print(f"generation {generation + 1}: best {points[0][0]:.3f}, best quarter {quarter:.3f}", flush=True)

    # The middle of the best is less lucky than the luckiest of them.
    sets = {
        "authors": {name: at for name, (_, _, at) in BOUNDS.items()},
        "tuned": {name: float(f"{fmean(point[name] for _, point in best):.3g}") for name in BOUNDS},
    }
    fitness = {}
    for who, values in sets.items():
        point = [word for name, value in values.items() for word in ("--grid", f"{BEHAVIOR}{name}={value}")]
        rows = sweep(options.out / f"{who}.csv", [*common, "--seeds", "1001..1016", *point])
        factors = [column for column in rows[0] if column.startswith("fitness_")]
        fitness[who] = {factor: round(fmean(float(row[factor]) for row in rows), 3) for factor in factors}
        print(f"{who}: fitness {fitness[who]['fitness_total']:.3f} over 16 other seeds")
    answer = {"flock_mps": options.speed, "parameters": sets["tuned"], "fitness": fitness}
    (options.out / "best.json").write_text(json.dumps(answer, indent=2) + "\n")
    print(json.dumps(answer["parameters"]))


if __name__ == "__main__":
    main()
