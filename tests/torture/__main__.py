"""`make torture`: the full sizes of R1 …, one JSON line each, kept under bench/results.

`python -m tests.torture kills --on postgres --kills 10000 --seed 7`. A run that finds anything
wrong prints it and exits with 1.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import typer

from tests.servers import Postgres, postgres
from tests.torture import cli_crash, cli_net, cli_properties, cli_simulate
from tests.torture.kills import kill_again_and_again
from tests.torture.outages import kill_postgres
from tests.torture.recording import On, Outcome, Seed, record
from tests.torture.stops import freeze

app = typer.Typer(no_args_is_help=True, pretty_exceptions_show_locals=False)
app.add_typer(cli_crash.app)
cli_net.add_to(app, record)
cli_properties.register(app, record)
cli_simulate.register(app, record)


@app.command()
def kills(on: On = "sqlite", kills: int = 10_000, seed: Seed = 1) -> None:
    """R1: SIGKILL two workers again and again."""
    record(
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
    """R6: SIGSTOP whoever holds a lock or a lease, then SIGCONT."""
    _run_on_server(
        "R6", seed, lambda server, folder: freeze(server, folder, times=times, seed=seed)
    )


EVERYTHING = (
    *((what, "--on", on) for on in ("sqlite", "postgres") for what in ("kills", "lines", "disk")),
    *((what, "--on", on) for on in ("sqlite", "postgres") for what in ("model", "resume")),
    *((what, "--on", on) for on in ("sqlite", "postgres") for what in ("network", "history")),
    *(("power", "--mode", mode) for mode in ("drop", "torn")),
    *(("power", "--mode", m, "--synchronous", "NORMAL", "--cuts", "40") for m in ("drop", "torn")),
    *((what,) for what in ("outages", "redis", "stops", "clock", "simulate")),
    *(("soak", "--on", on) for on in ("sqlite", "postgres")),
)


@app.command()
def everything() -> None:
    """All of it at full size, one after the other; goes on after one that found something."""
    failed = [
        " ".join(words)
        for words in EVERYTHING
        if subprocess.run([sys.executable, "-m", "tests.torture", *words], check=False).returncode
    ]
    if failed:
        typer.echo("found something: " + "; ".join(failed), err=True)
        raise typer.Exit(1)


Outage = Callable[[Postgres, Path], Coroutine[Any, Any, Outcome]]


def _run_on_server(name: str, seed: int, torture: Outage) -> None:
    """With a durable server of its own."""

    def run(_url: str, folder: Path) -> Outcome:
        with postgres(("max_connections=100",)) as server:
            return asyncio.run(torture(server, folder))

    record(name, "postgres", seed, run)


if __name__ == "__main__":
    app()
