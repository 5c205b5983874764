"""What a full-size run leaves: one line of JSON with its figures, seed, command and machine."""

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

RESULTS = Path(__file__).parents[2] / "bench" / "results"

On = Annotated[str, typer.Option(help="sqlite or postgres")]
Seed = Annotated[int, typer.Option(help="Names the run; the same seed makes the same choices")]
Outcome = tuple[list[str], dict[str, Any]]  # what is wrong, figures


def record(name: str, on: str, seed: int, torture: Callable[[str, Path], Outcome]) -> None:
    """Run `torture(url, folder)` on a blank database; print and keep what came of it."""
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
        **({"wrong_in_all": len(found)} if len(found) > 20 else {}),
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
