"""What the sessions of one process share: who holds which scanner, and tries at signing in.

The memory of a process, on its event loop's thread; the truth about persons is in core.people.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from core.clock import MINUTE, SECOND, Clock, Instant
from core.errors import TOO_MANY, AppError
from core.people import Actor, Device
from pda.protocol import HEARTBEAT_SECONDS, MAX_BYTES, VERSION
from pda.rollcall import RollCall

if TYPE_CHECKING:
    from pda.session import Session

TRIES = 5  # wrong PINs on one device
TRIES_WINDOW: Instant = 5 * MINUTE


class Tries:
    """Sign-in attempts per device in a sliding window; the memory of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: dict[object, deque[Instant]] = {}

    def count(self, who: object) -> None:
        """Count one try.

        Raises:
            AppError(too_many): more than `TRIES` in the window.
        """
        now = self._clock.now()
        tries = self._at.setdefault(who, deque(maxlen=TRIES))
        while tries and tries[0] <= now - TRIES_WINDOW:
            tries.popleft()
        if len(tries) == TRIES:
            wait = (tries[0] + TRIES_WINDOW - now) // SECOND + 1
            raise AppError(TOO_MANY, seconds=wait)
        tries.append(now)

    def forgive(self, who: object) -> None:
        self._at.pop(who, None)


class Present:
    """Who holds which scanners of this process: a push asks for its persons, not all sessions."""

    def __init__(self, roll: RollCall) -> None:
        self.roll = roll
        self._holding: dict[int, set[Session]] = {}

    def moved(self, session: Session, before: Actor | None, after: Actor | None) -> None:
        """Another person, or nobody, holds this scanner now."""
        if before is not None:
            held = self._holding[before.person_id]
            held.discard(session)
            if not held:
                del self._holding[before.person_id]
        if after is not None:
            self._holding.setdefault(after.person_id, set()).add(session)

    def holding(self, persons: Iterable[int]) -> list[Session]:
        """Every session of these persons."""
        return [each for who in persons for each in self._holding.get(who, ())]


def welcome_wire(device: Device, actor: Actor | None) -> dict[str, Any]:
    """The first frame to a scanner that we know; epoch and time are the session's to add."""
    return {
        "t": "welcome",
        "v": VERSION,
        "heartbeat_seconds": HEARTBEAT_SECONDS,
        "max_bytes": MAX_BYTES,
        "device": device_wire(device),
        "person": person_wire(actor),
    }


def device_wire(device: Device) -> dict[str, Any]:
    """A scanner, as frames say it."""
    return {"id": device.id, "name": device.name}


def person_wire(actor: Actor | None) -> dict[str, Any] | None:
    """Who holds the scanner, as frames say it."""
    if actor is None:
        return None
    return {"id": actor.person_id, "name": actor.name, "roles": sorted(actor.roles)}
