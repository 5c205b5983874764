"""The event loop of a simulated day: nobody waits, the clock jumps to whatever is next.

Everything runs on one thread in an order that follows from the seed alone: no sockets, no real
time, no threads. The wall clock may be set to another time while the loop's own time goes on, as on
a real machine.
"""

from __future__ import annotations

import asyncio
import contextvars
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any
from unittest.mock import patch

from core.clock import SECOND, Instant, ManualClock

MOST_TURNS = 400_000  # of the loop in one day; more means that two things wake each other


class ShopClock(ManualClock):
    """Moved by the loop; whoever waits for it is woken, so the engine sleeps as in production."""

    def is_manual(self) -> bool:
        return False


class StuckError(Exception):
    """Everybody waits and nothing will ever happen, or it never ends."""


class ShopLoop(asyncio.base_events.BaseEventLoop):
    """asyncio on virtual time."""

    def __init__(self, clock: ShopClock) -> None:
        super().__init__()
        self.clock = clock
        self.turns = 0
        self._passed: Instant = 0
        self._selector = self  # what BaseEventLoop asks for sockets that are ready

    def time(self) -> float:
        return self._passed / SECOND

    def select(self, timeout: float | None) -> list[Any]:
        """No socket is ever ready; what would be waiting is the clock moving on."""
        self.turns += 1
        if timeout is None or self.turns > MOST_TURNS:
            raise StuckError("nothing will ever happen" if timeout is None else "it never ends")
        if timeout > 0:
            passed = int(timeout * SECOND) + 1  # never early
            self._passed += passed
            self.clock.advance(passed)
        return []

    def close(self) -> None:
        self._selector = None  # type: ignore[assignment]
        super().close()

    def _process_events(self, event_list: list[Any]) -> None:
        assert event_list == []

    def _write_to_self(self) -> None:
        """There is no other thread."""

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        """At once, on this thread."""
        assert executor is None
        done = self.create_future()
        try:
            done.set_result(contextvars.copy_context().run(func, *args))
        except Exception as problem:  # noqa: BLE001  # whoever awaits it gets it
            done.set_exception(problem)
        return done


@contextmanager
def seeded_dice(rng: Random) -> Iterator[None]:
    """The machine's source of secrets, for the time of the block, is a seeded one.

    What libfaketime is to the clock: ids, tokens and jitter follow from the seed.
    """
    with (
        patch.object(secrets, "randbits", rng.getrandbits),
        patch.object(secrets, "randbelow", rng.randrange),
        patch.object(secrets, "token_urlsafe", lambda nbytes=32: rng.randbytes(nbytes).hex()),
    ):
        yield
