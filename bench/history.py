#!/usr/bin/env python3
"""Keeps the figures of every `make bench`, and draws how they went.

    bench/history.py plot [--match TEXT] [--out bench.svg]

Each run is a line of JSON in the history file: RIVULET_BENCH_HISTORY, or
~/.local/state/rivulet/bench.jsonl. The plot has a panel for each figure whose name contains TEXT, a point a
run, oldest first. Runs of different machines stand side by side: the yardsticks among the panels (sync
rate, bare parser, DuckDB) tell what a change of all figures is worth.
"""
import argparse
import datetime
import html
import json
import os
import platform
import re
import subprocess
from pathlib import Path

NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*\.?\d*(?![\w.])")
WIDTH, HEIGHT, COLUMNS = 300, 110, 4


def path():
    chosen = os.environ.get("RIVULET_BENCH_HISTORY")
    state = Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local/state"))
    return Path(chosen) if chosen else state / "rivulet" / "bench.jsonl"


def append(figures):
    """Adds a run; gives the path of the history."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], stdout=subprocess.PIPE, text=True,
                            check=False).stdout.strip()
    run = {"time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "commit": commit,
           "machine": f"{platform.node()}, {os.cpu_count()} cores", "figures": figures}
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "a", encoding="utf-8") as out:
        out.write(json.dumps(run) + "\n")
    return file


def numbers(value, name=""):
    """Every number in the figures, with its name; a line of text gives the numbers in it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(inner, f"{name} / {key}" if name else key)
    elif isinstance(value, list):
        for line in value:
            shape = NUMBER.sub("#", line).strip()
            for i, number in enumerate(NUMBER.findall(line)):
                yield f"{name} / {shape} [{i + 1}]", float(number.replace(",", ""))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield name, float(value)


def panel(name, points, runs, x, y):
    """One figure over the runs; points are (index of the run, value)."""
    top = max(value for _, value in points) or 1.0
    left, right, bottom = x + 8, x + WIDTH - 16, y + HEIGHT - 8
    step = (right - left) / max(runs - 1, 1)
    at = [(left + i * step, bottom - max(value, 0) / top * (HEIGHT - 48)) for i, value in points]
    line = " ".join(f"{px:.1f},{py:.1f}" for px, py in at)
    dots = "".join(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2.5"><title>{value:g}</title></circle>'
                   for (px, py), (_, value) in zip(at, points))
    title = html.escape(name if len(name) < 52 else "…" + name[-50:])
    return (f'<g><title>{html.escape(name)}</title><text x="{left}" y="{y + 14}">{title}</text>'
            f'<text x="{left}" y="{y + 28}" class="value">last {points[-1][1]:g}, highest {top:g}</text>'
            f'<path d="M{left} {bottom}H{right}"/><polyline points="{line}"/>{dots}</g>')


def plot(match, out):
    with open(path(), encoding="utf-8") as file:
        runs = [json.loads(line) for line in file]
    series = {}
    for i, run in enumerate(runs):
        for name, value in numbers(run["figures"]):
            if match.lower() in name.lower():
                series.setdefault(name, []).append((i, value))
    rows = -(-len(series) // COLUMNS)
    panels = [panel(name, points, len(runs), i % COLUMNS * WIDTH, 40 + i // COLUMNS * HEIGHT)
              for i, (name, points) in enumerate(series.items())]
    heading = f"{len(runs)} runs, {runs[0]['time']} ({runs[0]['commit']}) to {runs[-1]['time']} ({runs[-1]['commit']})"
    style = ("text{font:10px sans-serif}.value{fill:#666}path{stroke:#ccc}"
             "polyline{fill:none;stroke:#1f6feb}circle{fill:#1f6feb}")
    Path(out).write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{COLUMNS * WIDTH}" height="{40 + rows * HEIGHT}">'
        f'<style>{style}</style><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="8" y="22">{html.escape(heading)}</text>{"".join(panels)}</svg>\n', encoding="utf-8")
    print(f"{len(series)} figures of {len(runs)} runs in {out}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("action", choices=["plot"])
    options.add_argument("--match", default="")
    options.add_argument("--out", default="bench.svg")
    options = options.parse_args()
    try:
        plot(options.match, options.out)
    except FileNotFoundError:
        raise SystemExit(f"{path()} is not there yet: run `make bench` first.")


if __name__ == "__main__":
    main()
