"""`python -m tests.torture lines`: R2, death at every line."""

from __future__ import annotations

from typing import Annotated

import typer

from tests.torture.crash import die_everywhere
from tests.torture.recording import On, Seed, record

app = typer.Typer()


@app.command()
def lines(
    on: On = "sqlite",
    times: Annotated[int, typer.Option(help="Deaths per line, at different passes")] = 3,
    only: Annotated[str, typer.Option(help="Narrow to places: core/sqlite.py:164")] = "",
    seed: Seed = 1,
) -> None:
    """R2: die before every line between a question and its answer; ask again, recount."""
    record(
        "R2",
        on,
        seed,
        lambda url, folder: die_everywhere(url, folder, times=times, only=only, seed=seed),
    )
