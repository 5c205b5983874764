"""The sentences about what waits on the scanner; the others are in messages.py."""

from __future__ import annotations

from pda.messages import Message


def abandoned() -> Message:
    return Message("ok", "放弃已留痕：账上没有这一条。", "Given up, on record: nothing was booked.")


def abandoned_but_booked() -> Message:
    """It was sent and its answer got lost."""
    return Message(
        "warn",
        "放弃已留痕，但服务器早已入账，没有撤销。不该入账的，找主管更正。",
        "Given up, on record; but it had been booked, which stays. Ask a supervisor to correct it.",
        "maybe_done",
    )
