"""`python -m tests.torture lines`, `power`, `disk`: R2 R3 R9: death at every line, power cuts,
full disks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from tests.databases import DATABASES
from tests.torture.crash import die_everywhere
from tests.torture.disk import FILL
from tests.torture.power import cut_again_and_again, why_not
from tests.torture.recording import On, Outcome, Seed, record

app = typer.Typer()


@app.command()
def lines(
    on: On = "sqlite",
    times: Annotated[int, typer.Option(help="Deaths per line, at different passes")] = 3,
    only: Annotated[str, typer.Option(help="Narrow to places: core/sqlite.py:164")] = "",
    hit: Annotated[int, typer.Option(help="Narrow to this pass of them")] = 0,
    seed: Seed = 1,
) -> None:
    """R2: die before every line between a question and its answer; ask again, recount."""

    def torture(_url: str, folder: Path) -> Outcome:
        return die_everywhere(DATABASES.blank, folder, times=times, only=only, hit=hit, seed=seed)

    record("R2", on, seed, torture)


@app.command()
def power(
    mode: Annotated[
        str, typer.Option(help="drop or torn: what becomes of unsynced pages")
    ] = "drop",
    cuts: int = 1_000,
    synchronous: Annotated[str, typer.Option(help="NORMAL prints what it costs")] = "FULL",
    seed: Seed = 1,
) -> None:
    """R3: cut the power of the disk under a SQLite database; needs FUSE."""
    missing = why_not()
    if missing:
        raise typer.BadParameter(f"no power to cut here: {missing}")

    def torture(_url: str, folder: Path) -> Outcome:
        found, figures = cut_again_and_again(
            folder, cuts=cuts, seed=seed, mode=mode, synchronous=synchronous
        )
        if synchronous == "FULL":
            return found, figures
        found = [each for each in found if not each.startswith("lost")]
        return found if figures["lost"] else ["nothing was lost: this disk has no teeth"], figures

    record("R3", "sqlite", seed, torture)


@app.command()
def disk(on: On = "sqlite", times: int = 20, seed: Seed = 1) -> None:
    """R9: fill the disk under a web process at work, then make room; needs root."""
    record(
        "R9", on, seed, lambda _url, folder: asyncio.run(FILL[on](folder, times=times, seed=seed))
    )
