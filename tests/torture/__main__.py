"""`make torture`: the full sizes of R1 …, one JSON line each, kept under bench/results.

`python -m tests.torture kills --on postgres --kills 10000 --seed 7`. A run that finds anything
wrong prints it and exits with 1.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from bench.machine import describe
from core.clock import SystemClock, perf, to_datetime
from tests.databases import DATABASES
from tests.servers import Postgres, postgres
from tests.torture import cli_net
from tests.torture.kills import kill_again_and_again
from tests.torture.outages import freeze, kill_postgres

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


@app.command()
def outages(kills: int = 200, seed: Seed = 1) -> None:
    """R4: SIGKILL the whole PostgreSQL under load."""
    _run_on_server(
        "R4", seed, lambda server, folder: kill_postgres(server, folder, kills=kills, seed=seed)
    )


@app.command()
def stops(times: int = 500, seed: Seed = 1) -> None:
    """R6: SIGSTOP a web process under load, then SIGCONT."""
    _run_on_server(
        "R6", seed, lambda server, folder: freeze(server, folder, times=times, seed=seed)
    )


Outage = Callable[[Postgres, Path], Coroutine[Any, Any, Outcome]]


def _run_on_server(name: str, seed: int, torture: Outage) -> None:
    """With a durable server of its own."""

    def run(_url: str, folder: Path) -> Outcome:
        with postgres(("max_connections=100",)) as server:
            return asyncio.run(torture(server, folder))

    _run(name, "postgres", seed, run)


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


cli_net.add_to(app, _run)

if __name__ == "__main__":
    app()
