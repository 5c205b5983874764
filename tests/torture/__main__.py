"""`make torture`: the full sizes of R1 …, one JSON line each, kept under bench/results.

`python -m tests.torture kills --on postgres --kills 10000 --seed 7`. A run that finds anything
wrong prints it and exits with 1.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from bench.machine import describe
from core.clock import SystemClock, perf, to_datetime
from tests.databases import DATABASES
from tests.torture.kills import kill_again_and_again

RESULTS = Path(__file__).parents[2] / "bench" / "results"
app = typer.Typer(no_args_is_help=True, pretty_exceptions_show_locals=False)

On = Annotated[str, typer.Option(help="sqlite or postgres")]
Seed = Annotated[int, typer.Option(help="Names the run; the same seed makes the same choices")]
Outcome = tuple[list[str], dict[str, Any]]


@app.command()
def kills(on: On = "sqlite", kills: int = 10_000, seed: Seed = 1) -> None:
    """R1: SIGKILL two workers again and again."""
    _run(
        "R1",
        on,
        seed,
        lambda url, folder: kill_again_and_again(url, folder, kills=kills, seed=seed),
    )


def _run(name: str, on: str, seed: int, torture: Callable[[str, Path], Outcome]) -> None:
    DATABASES.open(on)
    folder = Path(tempfile.mkdtemp(prefix="jieli-torture-"))
    began = perf()
    try:
        found, figures = torture(DATABASES.blank(), folder)
    finally:
        DATABASES.close()
    facts = {
        "test": name,
        "on": on,
        "seed": seed,
        **figures,
        "wrong": found[:20],
        "seconds": round(perf() - began),
        "command": "python -m tests.torture " + " ".join(sys.argv[1:]),
        "machine": describe(),
        "at": f"{to_datetime(SystemClock().now()):%Y-%m-%d %H:%M}",
    }
    text = orjson.dumps(facts, option=orjson.OPT_APPEND_NEWLINE)
    sys.stdout.write(text.decode())
    with (RESULTS / "torture.jsonl").open("ab") as kept:
        kept.write(text)
    if found:
        raise typer.Exit(1)
    shutil.rmtree(folder)


@app.command(hidden=True)
def nothing() -> None:
    """Typer makes a lone command the whole program; a second one keeps its name."""


if __name__ == "__main__":
    app()
