"""The demo's handheld: what it may resume from after a connection that broke at a bad moment."""

from __future__ import annotations

from typing import Any

import orjson

from api.demo.handheld import Handheld
from core.clock import ManualClock


class Tape:
    """A connection whose server says what is on the tape, then nothing more."""

    def __init__(self, *frames: dict[str, Any]) -> None:
        self._frames, self.said = list(frames), list[dict[str, Any]]()

    async def send(self, text: str, /) -> None:
        self.said.append(orjson.loads(text))

    async def recv(self) -> str:
        if not self._frames:
            raise ConnectionResetError
        return orjson.dumps(self._frames.pop(0)).decode()

    async def close(self) -> None:
        pass


def inbox(part: int, *ids: str) -> dict[str, Any]:
    tasks = [{"id": each} for each in ids]
    return {"t": "inbox", "epoch": "e", "seq": 9, "part": part, "parts": 2, "tasks": tasks}


async def cut_after(*frames: dict[str, Any], clock: ManualClock) -> Handheld:
    """A handheld at cursor 4 whose line broke after `frames`."""
    tape = Tape({"t": "welcome"}, *frames)

    async def dial() -> Tape:
        return tape

    gun = Handheld(dial, clock, "B1", "1")
    gun.epoch, gun.cursor, gun.inbox = "e", 4, {"old": {}}
    try:
        await (gun.wake_up() if frames[0]["t"] == "signed_in" else gun.reconnect())
    except ConnectionResetError:
        return gun
    raise AssertionError("the tape was too long")


async def test_half_a_snapshot_is_nothing_to_resume_from(clock: ManualClock) -> None:
    gun = await cut_after(inbox(1, "a"), clock=clock)
    assert gun.cursor is None


async def test_what_the_person_before_was_told_is_nothing_to_resume_from(
    clock: ManualClock,
) -> None:
    signed = {"t": "signed_in", "session": "s", "person": {"id": 2}}
    gun = await cut_after(signed, clock=clock)
    assert (gun.cursor, gun.inbox) == (None, {})
