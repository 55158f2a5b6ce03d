# SPDX-License-Identifier: Apache-2.0
"""What every group of the benchmarks uses: rows, groups, programs.

A row compares `value` with `reference_value`, a limit or a peer measured in the same run. `ratio` is value / reference_value. What is
held against bar and goal says `judged`: "ratio", "difference" (value - reference_value) or "value"; `at_most` says from which side.

A group names the figures it measures. One that it did not bring, for whatever reason, becomes an error row, and the run fails.
"""
import dataclasses
import json
import statistics
import subprocess
import sys
import time
import typing

from fleet import BIN, Failed

ROUNDS_LEAST = 5
rows = []
notes = []
started = time.monotonic()


@dataclasses.dataclass
class Group:
    name: str
    help: str
    figures: list
    run: typing.Callable  # (args)
    needs: list = dataclasses.field(default_factory=list)  # groups whose rows it compares with
    fleet: bool = True  # part of the umbrella group "fleet"


def progress(text):
    print(f"... {time.monotonic() - started:6.0f} s  {text}", file=sys.stderr, flush=True)


def wait_progress(what, count, wanted, seconds, every=2.0):
    """Until count() has reached wanted; tells how far it is each ten seconds. Gives the seconds it took."""
    start = told = time.monotonic()
    while True:
        have, now = count(), time.monotonic()
        if have >= wanted:
            progress(f"{what}: {have:,} after {now - start:.0f} s")
            return now - start
        if now - told >= 10:
            told = now
            progress(f"{what}: {have:,} of {wanted:,} after {now - start:.0f} s")
        if now - start > seconds:
            raise Failed(f"{what}: {have:,} of {wanted:,} after {seconds:g} s")
        time.sleep(every)


def note(text):
    """A figure that has no bar, shown under the table."""
    notes.append(text)
    progress(text)


def median(values):
    return statistics.median(values)


def row(figure, value, unit, reference, reference_value, bar, goal, *, at_most=True, judged="ratio", rounds=(), bar_value=None, hint=None, limit=None):
    """rounds: the judged quantity of each round; their median is what is judged, and their spread is shown.

    Without rounds the judged quantity comes from value and reference_value. bar_value: the bar is on the value itself, not on the ratio. hint: how to read the figure. limit: the best
    ratio that anything could have on this machine in this run, measured beside it; it moves neither bar nor goal."""
    ratio = value / reference_value if reference_value else None
    seen = {"ratio": ratio, "difference": value - (reference_value or 0), "value": value}[judged]
    if rounds:
        seen = median(rounds)
        ratio = seen if judged == "ratio" else ratio
    ok = (lambda limit: seen is not None and (seen <= limit if at_most else seen >= limit))
    bar_met = ok(bar) if bar_value is None else value <= bar_value
    bar = bar if bar_value is None else f"{bar_value} {unit}"
    add({"figure": figure, "value": round(value, 4), "unit": unit, "reference": reference,
         "reference_value": None if reference_value is None else round(reference_value, 4),
         "ratio": None if ratio is None else round(ratio, 4), "bar": bar, "goal": goal, "at_most": at_most, "judged": judged,
         "met": ok(goal), "bar_met": bar_met, "spread": [round(min(rounds), 4), round(max(rounds), 4)] if rounds else None,
         "rounds": len(rounds), **({"hint": hint} if hint else {}), **({"limit": round(limit, 4)} if limit else {})})


def add(one):
    rows.append(one)
    mark = "goal met" if one["met"] else "bar met" if one["bar_met"] else "BAR MISSED"
    progress(f"{one['figure']}: {one['value']} {one['unit']}, {one['reference']} {one['reference_value']}, ratio {one['ratio']}: {mark}")


def error(figure, why):
    rows.append({"figure": figure, "value": None, "unit": None, "reference": None, "reference_value": None, "ratio": None, "bar": None,
                 "goal": None, "at_most": None, "judged": None, "met": False, "bar_met": False, "spread": None, "rounds": 0, "error": why})
    progress(f"{figure}: NOT MEASURED: {why}")


def find(figure):
    """The row of a figure measured earlier in this run."""
    for one in rows:
        if one["figure"] == figure and "error" not in one:
            return one
    raise Failed(f"no figure '{figure}' in this run")


def tool(name, *args, timeout=900, ok=(0,), show=False):
    """Runs a program of tests/bench; returns what it printed, as JSON. show: what it says about its progress is passed on at once."""
    done = subprocess.run([str(BIN / "tests" / name), *map(str, args)], stdout=subprocess.PIPE, stderr=None if show else subprocess.PIPE,
                          text=True, timeout=timeout)
    if done.returncode not in ok:
        raise Failed(f"{name}: exit {done.returncode}: {'see above' if show else done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


def adopt(found):
    """Takes over the rows a program printed; everything else it says becomes a note."""
    for one in found if isinstance(found, list) else [found]:
        if {"figure", "value", "reference", "reference_value", "bar", "goal", "met", "bar_met"} <= one.keys():
            add({"at_most": None, "judged": "ratio", "spread": None, "rounds": 0, **one})
        else:
            note(json.dumps(one))
