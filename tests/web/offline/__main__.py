"""`python -m tests.web.offline --seeds 500`: so many offline days; one JSON line about them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.machine import describe
from core.clock import SystemClock, perf, to_datetime
from tests.databases import DATABASES
from tests.web.offline.drill import drill

RESULTS = Path(__file__).parents[3] / "bench" / "results" / "offline.jsonl"


def main(
    seeds: Annotated[int, typer.Option(help="How many days")] = 500,
    first: Annotated[int, typer.Option(help="The first seed")] = 1,
    keep: Annotated[bool, typer.Option(help="Append the line to bench/results")] = True,
) -> None:
    """Play the days, judge them, say what was wrong."""
    DATABASES.open("sqlite")
    began = perf()
    with drill() as run:
        for seed in range(first, first + seeds):
            for each in run.play(seed).wrong:
                sys.stderr.write(f"seed {seed}: {each}\n")
        run.end()
    DATABASES.close()
    line = {
        "test": "P3",
        "on": "sqlite",
        "seed": first,
        "seeds": seeds,
        "counts": dict(sorted(run.counts.items())),
        "wrong": run.wrong,
        "seconds": round(perf() - began),
        "command": f"python -m tests.web.offline --seeds {seeds} --first {first}",
        "machine": describe(),
        "at": to_datetime(SystemClock().now()).strftime("%Y-%m-%d %H:%M"),
    }
    text = json.dumps(line, ensure_ascii=False)
    sys.stdout.write(text + "\n")
    if keep:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
    if run.wrong:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
