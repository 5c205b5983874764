"""The commands of R5, R7, R13 and R15, for tests/torture/__main__.py.

`run(name, on, seed, torture)` tortures on a database and keeps what came of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tests.servers import postgres, redis_server
from tests.torture.history_nemesis import compete
from tests.torture.network import shake
from tests.torture.network_links import unplug, why_not
from tests.torture.redis_outages import starve
from tests.torture.soak import soak

On = Annotated[str, typer.Option(help="sqlite or postgres")]
Seed = Annotated[int, typer.Option(help="Names the run; the same seed makes the same choices")]
Outcome = tuple[list[str], dict[str, Any]]
Torture = Callable[[str, Path], Outcome]
Run = Callable[[str, str, int, Torture], None]
DURABLE = ("max_connections=100",)


def add_to(app: typer.Typer, run: Run) -> None:
    """Every command of this module."""
    for add in (_network, _redis, _history, _soak):
        add(app, run)


def _network(app: typer.Typer, run: Run) -> None:
    @app.command()
    def network(on: On = "sqlite", faults: int = 2_000, links: int = 500, seed: Seed = 1) -> None:
        """R7: a network that delays, cuts, loses and half-opens; then a link that goes down."""

        def torture(_url: str, folder: Path) -> Outcome:
            return asyncio.run(shake(folder, faults=faults, seed=seed, guns=12, slowest=0.5))

        def on_a_link(_url: str, folder: Path) -> Outcome:
            return asyncio.run(unplug(folder, cuts=links, seed=seed))

        run("R7", on, seed, torture)
        if reason := why_not():
            typer.echo(f"the real link is left out: {reason}", err=True)
        elif links:
            run("R7 link", on, seed, on_a_link)


def _redis(app: typer.Typer, run: Run) -> None:
    @app.command()
    def redis(faults: int = 200, seed: Seed = 1) -> None:
        """R5: Redis is killed, flushed or away under two web and two worker processes."""

        def torture(url: str, folder: Path) -> Outcome:
            with redis_server() as server:
                return asyncio.run(starve(server, url, folder, faults=faults, seed=seed))

        run("R5", "postgres", seed, torture)


def _history(app: typer.Typer, run: Run) -> None:
    @app.command()
    def history(on: On = "sqlite", ops: int = 200_000, seed: Seed = 1) -> None:
        """R13: what competing clients saw, with R1's and (PostgreSQL) R4's deaths, was possible."""

        def torture(url: str, folder: Path) -> Outcome:
            if on == "sqlite":
                return compete(url, folder, ops=ops, seed=seed, calm=3.0)
            with postgres(DURABLE) as server:
                own = server.url(server.create())
                return compete(own, folder, ops=ops, seed=seed, calm=3.0, server=server)

        run("R13", on, seed, torture)


def _soak(app: typer.Typer, run: Run) -> None:
    @app.command("soak")
    def long(on: On = "sqlite", minutes: float = 30, sockets: int = 200, seed: Seed = 1) -> None:
        """R15: many scanners for a long time, with storms of reconnects."""

        def torture(_url: str, folder: Path) -> Outcome:
            return asyncio.run(soak(folder, minutes=minutes, seed=seed, sockets=sockets))

        run("R15", on, seed, torture)
