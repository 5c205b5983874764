"""`python -m tests.simulation --seed N`: play one day again and read along, line by line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from core.clock import Instant
from tests.simulation.day import stamp
from tests.simulation.fleet import KINDS
from tests.simulation.many import Simulator
from tests.simulation.mutants import MUTANTS


def main(
    seed: Annotated[int, typer.Option(help="The seed that a failure printed")],
    on: Annotated[str, typer.Option(help="sqlite or postgres")] = "sqlite",
    kind: Annotated[str, typer.Option(help="day or clock")] = "day",
    mutant: Annotated[str, typer.Option(help=f"A broken product: {', '.join(MUTANTS)}")] = "",
) -> None:
    """The trace of one day, then what the auditor found."""

    def trace(at: Instant, words: str) -> None:
        sys.stdout.write(f"{stamp(at)}  {words}\n")

    broken = MUTANTS[mutant][0] if mutant else None
    with Simulator(on, broken, KINDS[kind]) as simulator:
        outcome = simulator.play(seed, trace)
    for name, times in sorted(outcome.counts.items()):
        sys.stdout.write(f"{times:6} {name}\n")
    sys.stdout.write(f"log ends with {outcome.head}\n")
    for each in outcome.wrong:
        sys.stdout.write(f"WRONG: {each}\n")
    if outcome.wrong:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
