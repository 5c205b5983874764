"""R10 and R12 at full size: the property tests of the ledger and of resuming, many examples.

Hypothesis finds and shrinks; here the examples are spread over processes and counted.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.util import Finalize
from traceback import format_exc
from typing import Any

import typer

from tests.databases import DATABASES
from tests.properties import test_ledger, test_resume
from tests.torture.cli_simulate import On, Outcome, Processes, Run

CHUNK = 250  # of one run of Hypothesis, which remembers what it has tried


def register(app: typer.Typer, run: Run) -> None:
    """Add the commands; `run` makes one JSON line of one torture."""

    @app.command()
    def model(
        histories: int = 20_000, steps: int = 50, on: On = "sqlite", processes: Processes = 2
    ) -> None:
        """R10: the ledger against a dict, step by step."""
        run("R10", on, 0, lambda _url, _folder: spread(_ledger, histories, (on, steps), processes))

    @app.command()
    def resume(histories: int = 5_000, on: On = "sqlite", processes: Processes = 2) -> None:
        """R12: an old snapshot plus the events since is the fresh snapshot, from every moment."""
        run("R12", on, 0, lambda _url, _folder: spread(_resume, histories, (on,), processes))


def _ledger(histories: int, on: str, steps: int) -> int:
    DATABASES.open(on)
    before = test_ledger.LedgerMachine.steps
    test_ledger.run(histories, steps)
    return test_ledger.LedgerMachine.steps - before


def _resume(histories: int, on: str) -> int:
    DATABASES.open(on)
    before = test_resume.Story.steps
    test_resume.run(histories, derandomize=False)
    return test_resume.Story.steps - before


def spread(
    play: Callable[..., int], histories: int, how: tuple[Any, ...], processes: int
) -> Outcome:
    """(what is wrong, figures) of `histories` in chunks."""
    sizes = [min(CHUNK, histories - at) for at in range(0, histories, CHUNK)]
    jobs = [(play, (size, *how)) for size in sizes]
    wrong: list[str] = []
    steps = 0
    with multiprocessing.get_context("spawn").Pool(processes, _tidy) as pool:
        for done, problem in pool.imap_unordered(_safely, jobs):
            steps += done
            wrong += [problem] if problem else []
        pool.close()
        pool.join()
    return wrong, {"histories": histories, "steps": steps}


def _safely(job: tuple[Callable[..., int], tuple[Any, ...]]) -> tuple[int, str]:
    play, arguments = job
    try:
        return play(*arguments), ""
    except BaseException:  # noqa: BLE001  # Hypothesis tells the shrunk example in its notes
        return 0, format_exc()


def _tidy() -> None:
    Finalize(None, DATABASES.close, exitpriority=1)
