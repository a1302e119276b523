#!/usr/bin/env python3
"""From a question to a picture: at which noise does a Vicsek flock lose its order, and how sure is that?

Sweeps the noise over several seeds, plots the order with the band that the seeds span, picks the odd run out and flies
it again, bit for bit. Cells are divided by `# %%`: editors such as VS Code, Spyder and Jupyter (jupytext) run them one
by one; so does `python3 sweep.py`.

Needs pandas and matplotlib, and `hmrs` on the PATH or in HMRS_BIN.
"""

# %% What is asked, and where the answers go
import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

HMRS = os.environ.get("HMRS_BIN", "hmrs")
HERE = Path(sys.argv[1] if len(sys.argv) > 1 else "vicsek-study")
HERE.mkdir(parents=True, exist_ok=True)
NOISE = "behavior.vicsek.noise_rad"
SEEDS, TICKS, STEADY_S = "1..8", 600, 200  # one tick is one second here


def hmrs(*args: str) -> dict:
    """Runs hmrs and returns the JSON object that its last line of output is."""
    done = subprocess.run([HMRS, *args], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


# The paper's smallest swarm: 40 points on a torus of 3.1 × 3.1
FIXED = {"drones[0].count": "40", "space.size_m": "[3.1, 3.1]", "metrics.steady_from_s": str(STEADY_S)}


# %% The sweep. Interrupt it and start it again: what is done is not done again.
out = HERE / "order.csv"
hmrs(
    "sweep", "vicsek", "--seeds", SEEDS, "--ticks", str(TICKS), "--out", str(out),
    "--grid", f"{NOISE}=0:5:11", *(word for path, value in FIXED.items() for word in ("--grid", f"{path}={value}")),
)  # fmt: skip
runs = pd.read_csv(out, comment="#")
assert runs["error"].isna().all(), runs.loc[runs["error"].notna(), ["run", "error"]]

# %% Order against noise: the mean over seeds, and the band from the lowest to the highest seed
order = runs.groupby(NOISE)["polarization_mean"].agg(["mean", "min", "max", "std"])
print(order.round(4))

# %% The odd run: the one farthest from the mean of its noise, in standard deviations of its seeds
expected = runs[NOISE].map(order["mean"])
spread = runs[NOISE].map(order["std"])
odd = runs.loc[((runs["polarization_mean"] - expected).abs() / spread).idxmax()]
print(f"run {odd['run']} is odd: noise {odd[NOISE]}, seed {odd['seed']}, order {odd['polarization_mean']:.3f}")

# %% Flown again with everything recorded, it ends in the very same state
record, metrics = HERE / "odd.jsonl", HERE / "odd-metrics.csv"
again = hmrs(
    "run", "vicsek", "--seed", str(odd["seed"]), "--ticks", str(TICKS), "--every", "5",
    "--set", f"{NOISE}={odd[NOISE]}", *(word for path, value in FIXED.items() for word in ("--set", f"{path}={value}")),
    "--metrics", str(metrics), "--record", str(record),
)  # fmt: skip
assert again["state_hash"] == odd["state_hash"], "the run did not repeat"
verified = hmrs("replay", str(record), "--verify")
assert verified["state_hash"] == odd["state_hash"]
print(f"state {again['state_hash']} again; {verified['hashes_verified']} hashes verified")
course = pd.read_csv(metrics, comment="#")

# %% The picture
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.fill_between(order.index, order["min"], order["max"], alpha=0.25, lw=0, label="all seeds")
left.plot(order.index, order["mean"], marker="o", ms=4, label="mean of the seeds")
left.plot(odd[NOISE], odd["polarization_mean"], "x", ms=9, mew=2, color="tab:red", label="the odd run")
left.set(xlabel="noise η (rad)", ylabel="order parameter, mean over time", ylim=(0, 1.03), title="Order against noise")
left.legend(frameon=False)
right.plot(course["sim_time_s"], course["polarization"], lw=0.8, color="tab:red")
right.axvline(STEADY_S, color="0.6", ls=":")
right.text(STEADY_S, 0.02, " mean from here on", color="0.4")
right.axhline(order.loc[odd[NOISE], "mean"], color="tab:blue", lw=1)
right.set(xlabel="time (s)", ylabel="order parameter", ylim=(0, 1.03), title=f"The odd run: η = {odd[NOISE]}, seed {odd['seed']}")
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
figure.suptitle("Vicsek et al. 1995, 40 points on a torus of 3.1 × 3.1, 8 seeds")
figure.savefig(HERE / "order.png", dpi=110)
print(HERE / "order.png")
