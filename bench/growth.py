"""Draws what `bench/growth.mjs` measured: growth.py RESULTS.json DIRECTORY"""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "hmrs", "svg.fonttype": "none"})
from matplotlib import pyplot, ticker  # noqa: E402  (the backend must be chosen first)

source, target = sys.argv[1:]
measured = json.loads(pathlib.Path(source).read_text(encoding="utf-8"))


def finish(figure, panels, name):
    """Grids, plain numbers on the axes, and the file."""
    for panel in panels:
        panel.grid(True, which="major", alpha=0.3)
        for axis in (panel.xaxis, panel.yaxis):
            if axis.get_scale() == "log":
                axis.set_major_formatter(ticker.StrMethodFormatter("{x:,.10g}"))
    figure.savefig(pathlib.Path(target) / name, metadata={"Date": None})


figure, panels = pyplot.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for server, name in measured["servers"]:
    rows = [row for row in measured["clients"] if row["server"] == server and row["drones"] == 100]
    style = {"marker": "o", "markersize": 4, "linewidth": 2.5 if server == "hmrs" else 1.2, "label": name}
    panels[0].plot([row["clients"] for row in rows], [row["cpu_us"] for row in rows], **style)
    panels[1].plot([row["clients"] for row in rows], [row["p99_ms"] for row in rows], **style)
panels[0].set(title="CPU a message", xlabel="clients (100 drones, 25 Hz)", ylabel="µs", xscale="log", yscale="log")
panels[1].set(title="99th percentile of the latency", xlabel="clients (100 drones, 25 Hz)", ylabel="ms", yscale="log")
panels[1].axhline(measured["late_ms"], color="grey", linestyle=":", linewidth=1)
panels[0].legend(fontsize=8)
finish(figure, panels, "growth-clients.svg")

figure, panels = pyplot.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for threads in (1, 2):
    rows = [row for row in measured["ticks"] if row.get("threads") == threads]
    label = f"{threads} thread{'s'[: threads - 1]}"
    panels[0].plot([row["drones"] for row in rows], [row["ns_per_drone"] for row in rows], "o-", markersize=4, label=label)
rows = [row for row in measured["ticks"] if row.get("live")]
for key, label in (("p50_ms", "median"), ("p99_ms", "99th percentile")):
    panels[1].plot([row["drones"] for row in rows], [row[key] for row in rows], "o-", markersize=4, label=label)
panels[1].axhline(measured["tick_ms"], color="grey", linestyle=":", linewidth=1)
panels[0].set(title="Headless: a drone in a tick", xlabel="drones", ylabel="ns", xscale="log", ylim=(0, None))
panels[1].set(title="Live: a tick", xlabel="drones", ylabel="ms", xscale="log", yscale="log")
for panel in panels:
    panel.legend(fontsize=8)
finish(figure, panels, "growth-drones.svg")
