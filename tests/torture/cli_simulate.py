"""R8 and R11 at full size: simulated shop days by the thousand, spread over processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tests.simulation.fleet import simulate as play

Outcome = tuple[list[str], dict[str, Any]]
Run = Callable[[str, str, int, Callable[[str, Path], Outcome]], None]
On = Annotated[str, typer.Option(help="sqlite or postgres")]
First = Annotated[int, typer.Option(help="The first seed")]
Processes = Annotated[int, typer.Option(help="How many at a time, each needs a core")]


def register(app: typer.Typer, run: Run) -> None:
    """Add the commands; `run` makes one JSON line of one torture."""

    @app.command()
    def simulate(
        seeds: int = 100_000, on: On = "sqlite", first: First = 0, processes: Processes = 2
    ) -> None:
        """R11: one seed, one shop day with crashes, a bad network and bad vendors."""
        some = range(first, first + seeds)
        run("R11", on, first, lambda _url, _folder: play(some, on, processes))

    @app.command()
    def clock(
        seeds: int = 10_000, on: On = "sqlite", first: First = 0, processes: Processes = 2
    ) -> None:
        """R8: the clock is set forward and back while ladders climb over hard dates."""
        some = range(first, first + seeds)
        run("R8", on, first, lambda _url, _folder: play(some, on, processes, "clock"))
