"""Whether those who are signed in still are: asked for many scanners at once.

Five thousand scanners say every twenty seconds that they are there. A question to the database for
each of them took 27 % of a core while nobody did anything. One scanner alone is answered at once;
of many, those that come within `EVERY` of the last question are asked about together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from core.clock import Clock
from core.db import Database
from core.errors import SIGNED_OUT, AppError
from core.people import sessions_over

EVERY = 0.1  # seconds between two questions

_Answer = asyncio.Future[Exception | None]


class RollCall:
    """The heartbeats of one process; lives on its event loop's thread."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._waiting: dict[str, _Answer] = {}
        self._next_at = 0.0
        self._asking: set[asyncio.Task[None]] = set()

    async def stands(self, token: str) -> None:
        """Return when the session stands.

        Raises:
            AppError(signed_out): nobody can use it any more. AppError: the database is away.
        """
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_at(max(loop.time(), self._next_at), self._call)
        answer = self._waiting.setdefault(token, loop.create_future())
        refusal = await asyncio.shield(answer)  # two sockets may ask about one session
        if refusal is not None:
            raise refusal

    def _call(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._next_at = asyncio.get_running_loop().time() + EVERY
        asking = asyncio.create_task(self._ask(waiting))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)

    async def _ask(self, waiting: Mapping[str, _Answer]) -> None:
        now = self._clock.now()
        over: set[str] = set()
        problem: Exception | None = None
        try:
            over = await self._db.read(lambda conn: sessions_over(conn, waiting, "pda", now))
        except Exception as found:  # noqa: BLE001  # each of them says so at its own door
            problem = found
        for token, answer in waiting.items():
            answer.set_result(AppError(SIGNED_OUT) if token in over else problem)
