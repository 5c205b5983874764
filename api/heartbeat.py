"""The dead man's heartbeat: an outside monitor is called while the engine keeps up, and only then.

The monitor (Healthchecks, GoAlert, …) raises the alarm when the calls stop: a dead machine cannot
raise its own. Not for people's cards; no transaction is open while it calls.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from core.clock import SECOND, Instant
from core.config import Settings
from core.engine import Engine, Step
from core.tasks import escalation

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

ANSWER_SECONDS = 10.0


class Heartbeat:
    """Calls `url` every `every` seconds while nothing of the engine is later than `bound`."""

    def __init__(self, url: str, every: float, bound: float) -> None:
        self._url, self._every = url, int(every * SECOND)
        self._bound = int(bound * SECOND)
        self._called_at: Instant = 0
        self._troubled = ""
        self._http: httpx.AsyncClient | None = None
        self._engine: Engine | None = None

    def step(self) -> Step:
        """A step like any other, but one that only looks at the others."""
        return Step("heartbeat", self._run, self._next_due)

    def watch(self, engine: Engine) -> None:
        """Whose pulse it is; without one it never calls."""
        self._engine = engine

    async def close(self) -> None:
        """Let go of the connection."""
        if self._http is not None:
            await self._http.aclose()

    async def _run(self) -> int:
        engine = self._engine
        if engine is None or engine.clock.now() < self._called_at + self._every:
            return 0
        now = self._called_at = engine.clock.now()
        lag = await engine.db.read(lambda conn: lateness(conn, engine, now))
        if lag > self._bound:
            self._say("heartbeat_held_back", f"the engine is {lag // SECOND} s late")
            return 0
        self._say("heartbeat_unheard", await self._call())
        return 0  # whatever came of it, the next call is in its time

    async def _call(self) -> str:
        """Why nobody heard us; "" when somebody did."""
        import httpx

        if self._http is None:
            self._http = httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False)
        try:
            answer = await self._http.get(self._url)
        except httpx.HTTPError as problem:
            return type(problem).__name__
        return "" if answer.is_success else f"HTTP {answer.status_code}"

    def _say(self, what: str, why: str) -> None:
        """One line when it begins, one when it is over; never the address, which is a secret."""
        if why and not self._troubled:
            log.warning(what, extra={"why": why})
        elif self._troubled and not why:
            log.info("heartbeat_again")
        self._troubled = why

    def _next_due(self, _conn: Connection) -> Instant | None:
        return self._called_at + self._every


def heartbeat_of(settings: Settings) -> Heartbeat | None:
    """The heartbeat that the settings ask for."""
    url = settings.heartbeat_url.get_secret_value()
    every, bound = settings.heartbeat_seconds, settings.heartbeat_max_lag_seconds
    return Heartbeat(url, every, bound) if url else None


def lateness(conn: Connection, engine: Engine, now: Instant) -> Instant:
    """How far behind the engine is, µs: the oldest due timer, or the step that is silent longest.

    What a step may take is no silence. A step that always fails is silent; so is one that hangs.
    """
    silences = [
        now - engine.health[step.name].ran_at - int(step.limit_seconds * SECOND)
        for step in engine.steps
        if step.name != "heartbeat"
    ]
    return max(escalation.lag(conn, now), *silences, 0)
