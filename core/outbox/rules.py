"""When may a message go, and what follows from how an attempt ended. Pure: no clock, no tables.

Instants and durations are µs. Not for reading or writing rows (claiming.py, recording.py).

Lanes. `escalation > closing > new > reminder > edit > digest`. *Closing* (the edit that takes the
buttons off a card that lost) runs right behind escalations: a person who presses a dead button has
been misled by us, while a new card can wait a second. Plain edits stay behind everything that
rings.

Limits. A person gets at most 20 new cards a minute and 600 an hour on one channel, and 28/900 of
anything. WeCom silently drops past 30/1000; the difference is kept free for edits, so a storm of
new cards can never delay the closing of an old one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

Priority = Literal["escalation", "closing", "new", "reminder", "edit", "digest"]
LANES: dict[str, int] = {
    "escalation": 0,
    "closing": 1,
    "new": 2,
    "reminder": 3,
    "edit": 4,
    "digest": 5,
}

LEASE = 30 * SECOND
SPREAD = 1 << 16  # what `backoff` takes its share of


@dataclass(frozen=True, slots=True)
class Window:
    """At most `count` attempts in any `span`."""

    count: int
    span: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one channel, as data. `rings` counts new cards, `all` edits too."""

    rings: tuple[Window, ...] = (Window(20, MINUTE), Window(600, HOUR))
    all: tuple[Window, ...] = (Window(28, MINUTE), Window(900, HOUR))
    account: tuple[Window, ...] = (Window(6_000, MINUTE), Window(100_000, HOUR))


NO_LIMITS = Limits((), (), ())  # of what reaches no vendor


@dataclass(frozen=True, slots=True)
class Retry:
    """`first` doubles up to `cap`; nothing is tried for longer than `patience` since it was put.

    The time in which it could not go because of us (quiet hours, limits, a server that stood still)
    does not count.
    """

    first: int = 2 * SECOND
    cap: int = 10 * MINUTE
    patience: int = 6 * HOUR
    resends: int = 1  # identical ones, after an ambiguous end


@dataclass(frozen=True, slots=True)
class Attempted:
    """One attempt of the past at one person: when it began, and whether it rang."""

    at: int
    rings: bool


def open_at(history: Sequence[Attempted], rings: bool, limits: Limits, now: int) -> int:
    """The earliest moment (≥ `now`) the person may get one more. `history` is newest first."""
    windows = [(window, False) for window in limits.all]
    if rings:
        windows += [(window, True) for window in limits.rings]
    opens = now
    for window, only_ringing in windows:
        times = [each.at for each in history if each.rings or not only_ringing]
        if len(times) >= window.count:
            opens = max(opens, times[window.count - 1] + window.span)
    return opens


def quiet_minutes_left(minute: int, quiet_from: int | None, quiet_to: int | None) -> int:
    """Minutes until the person's quiet hours end, 0 when it is not quiet.

    All are minutes since local midnight; `quiet_from > quiet_to` spans midnight (22:00–07:00).
    """
    if quiet_from is None or quiet_to is None or quiet_from == quiet_to:
        return 0
    length = (quiet_to - quiet_from) % (24 * 60)
    into = (minute - quiet_from) % (24 * 60)
    return length - into if into < length else 0


def minutes_until(minute: int, at: int) -> int:
    """Minutes from one time of day to the next `at`; both are minutes since local midnight."""
    return (at - minute - 1) % (24 * 60) + 1


def respects_quiet(intent: str, urgent: bool, urgent_wakes: bool = True) -> bool:
    """Edits make no sound and urgent cards may wake people; all else waits for the morning.

    `urgent_wakes`: what the person said; nobody is woken who does not want to be.
    """
    return intent == "send" and not (urgent and urgent_wakes)


def backoff(failures: int, spread: int, retry: Retry) -> int:
    """Full jitter: somewhere in (0, min(cap, first · 2^(failures-1))], never below half a second.

    `spread` is a uniform number in [0, SPREAD).
    """
    ceiling = min(retry.cap, retry.first << min(max(failures, 1) - 1, 30))
    return max(SECOND // 2, ceiling * (spread + 1) // SPREAD)


Ending = Literal["sent", "retry", "resend", "elsewhere", "superseded", "dead"]


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a message whose attempt has just ended."""

    intent: str
    kind: str  # of the SendResult
    moved: bool  # its task went on meanwhile
    unsure: int  # ambiguous ends, this one included
    has_other_channel: bool
    comes_elsewhere: bool  # the same card goes to the same person on another channel as well
    expired: bool  # nobody wants it any more
    patience_over: bool


def ending(s: Situation, retry: Retry) -> Ending:
    """What becomes of the message.

    An ambiguous *send* is repeated identically, so that the vendor's duplicate check can drop it,
    but only `retry.resends` times: a vendor without such a check would show the card twice. An edit
    is idempotent, so an ambiguous one is simply tried again. A card the task no longer wants is not
    sent any more, unless it may stand on the phone already: then it is repeated once, to learn
    where it stands and to close it there; else it would keep its buttons for ever.
    """
    if s.kind == "sent":
        return "sent"
    unwanted = s.intent == "send" and (s.moved or s.expired)
    if unwanted and (s.unsure == 0 or s.kind == "never" or s.patience_over):
        return "superseded"
    if s.kind == "never":
        if s.intent == "send" and s.comes_elsewhere:
            return "superseded"
        return "elsewhere" if s.intent == "send" and s.has_other_channel else "dead"
    if s.patience_over:
        return "dead"
    if s.kind == "ambiguous" and s.intent == "send" and s.unsure > retry.resends:
        return "superseded" if unwanted else "dead"
    if s.intent == "send" and s.unsure > 0:
        return "resend"
    return "retry"


Coalesce = Literal["replace", "after", "enqueue"]


def coalesce(live: bool, frozen: bool) -> Coalesce:
    """Where a newer revision goes: into the waiting row, behind the one in flight, or a new row."""
    if not live:
        return "enqueue"
    return "after" if frozen else "replace"
