"""`python -m tests.torture lines` and `power`: R2, death at every line; R3, power cuts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tests.torture.crash import die_everywhere
from tests.torture.power import cut_again_and_again, why_not
from tests.torture.recording import On, Outcome, Seed, record

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
