"""Servers that are broken on purpose: each harness must catch its own, or it proves nothing.

A process of tests/stories/warm_server.py becomes one when TORTURE_MUTANT names it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pda.session
from pda.catchup import catch_up


def become(name: str) -> None:
    """Turn this process into the mutant called `name`; empty: stay sound."""
    if name:
        MUTANTS[name]()


def skips_the_gap() -> None:
    """Resumes a scanner at the newest event without telling it what it missed."""

    def mutant(*asked: Any) -> Any:
        return replace(catch_up(*asked), missed=())

    vars(pda.session)["catch_up"] = mutant


MUTANTS: dict[str, Callable[[], None]] = {
    "skips-the-gap": skips_the_gap,
}
