"""Draws what `bench/fresh.mjs` measured: plot.py RESULTS.json PICTURE.svg"""

import json
import statistics
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "hmrs", "svg.fonttype": "none"})
from matplotlib import pyplot, ticker  # noqa: E402  (the backend must be chosen first)

source, target = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    measured = json.load(file)

figure, panels = pyplot.subplots(1, len(measured["scenarios"]), figsize=(10, 4.2), sharey=True, layout="constrained")
for panel, (scenario, drones) in zip(panels, measured["scenarios"]):
    for way in measured["ways"]:
        reports = measured["results"][scenario][way["id"]]
        middle = {key: statistics.median(report[key] for report in reports) for key in reports[0]}
        kilobytes, p50, p99 = middle["bytes_per_s"] / 1000, middle["age_p50_ms"], middle["age_p99_ms"]
        polls = way["id"].startswith("poll")
        colour = "tab:red" if polls else "tab:blue"
        panel.plot([kilobytes] * 2, [p50, p99], color=colour, linewidth=1.5)
        panel.plot(kilobytes, p50, "o", color=colour)
        panel.plot(kilobytes, p99, "_", color=colour, markersize=10)
        label = way["name"].replace("**", "").replace("HTTP polling of JSON, ", "polling, ")
        # Red above, blue below: at 25 Hz with the same JSON the two stand one over the other.
        at, away = (p99, 7) if polls else (p50, -15)
        panel.annotate(label, (kilobytes, at), (0, away), textcoords="offset points", fontsize=8, ha="center")
    panel.set(title=f"{drones:,} drones", xscale="log", yscale="log", xlabel="kB a second and client")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    panel.margins(0.25, 0.2)
    panel.grid(True, which="major", alpha=0.3)
panels[0].set_ylabel("age of what a client knows, ms\n(dot: median, bar: 99th percentile)")
figure.savefig(target, metadata={"Date": None})
