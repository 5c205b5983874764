"""The pure rules of the outbox, by tables."""

from __future__ import annotations

import pytest

from core.outbox import rules
from core.outbox.rules import MINUTE, SECOND, Attempted, Limits, Retry, Situation, Window

NOW = 1_000 * rules.HOUR


def rang(*seconds_ago: int) -> list[Attempted]:
    return [Attempted(NOW - ago * SECOND, True) for ago in seconds_ago]


def edited(*seconds_ago: int) -> list[Attempted]:
    return [Attempted(NOW - ago * SECOND, False) for ago in seconds_ago]


SMALL = Limits(rings=(Window(2, MINUTE),), all=(Window(3, MINUTE),))


@pytest.mark.parametrize(
    ("history", "rings", "opens_in"),
    [
        ([], True, 0),
        (rang(10), True, 0),
        (rang(10, 20), True, 40),
        (rang(10, 59), True, 1),
        (rang(10, 60), True, 0),
        (rang(10, 20), False, 0),  # the head-room that edits have for themselves
        (rang(10, 20) + edited(30), False, 30),
        (edited(5, 6), True, 0),
        (edited(5, 6, 7), True, 53),
    ],
)
def test_a_person_gets_no_more_than_the_window_allows(
    history: list[Attempted], rings: bool, opens_in: int
) -> None:
    assert rules.open_at(history, rings, SMALL, NOW) - NOW == opens_in * SECOND


def test_the_default_limits_stay_below_what_wecom_drops_silently() -> None:
    limits = Limits()
    for window in limits.all:
        assert window.count < {MINUTE: 30, rules.HOUR: 1_000}[window.span]
    per_minute = {window.span: window.count for window in limits.rings}
    assert per_minute == {MINUTE: 20, rules.HOUR: 600}


NIGHT = (22 * 60, 7 * 60)


@pytest.mark.parametrize(
    ("minute", "hours", "left"),
    [
        (21 * 60 + 59, NIGHT, 0),
        (22 * 60, NIGHT, 9 * 60),
        (0, NIGHT, 7 * 60),
        (6 * 60 + 59, NIGHT, 1),
        (7 * 60, NIGHT, 0),
        (12 * 60 + 30, (12 * 60, 13 * 60), 30),
        (11 * 60, (12 * 60, 13 * 60), 0),
        (11 * 60, (None, None), 0),
        (11 * 60, (8 * 60, 8 * 60), 0),
    ],
)
def test_quiet_hours_end_when_the_person_said(
    minute: int, hours: tuple[int | None, int | None], left: int
) -> None:
    assert rules.quiet_minutes_left(minute, *hours) == left


@pytest.mark.parametrize(
    ("intent", "urgent", "waits"),
    [("send", False, True), ("send", True, False), ("edit", False, False)],
)
def test_only_ordinary_new_cards_wait_for_the_morning(
    intent: str, urgent: bool, waits: bool
) -> None:
    assert rules.respects_quiet(intent, urgent) is waits


def test_backoff_is_full_jitter_between_half_a_second_and_the_cap() -> None:
    retry = Retry(first=2 * SECOND, cap=60 * SECOND)
    highest = [rules.backoff(n, rules.SPREAD - 1, retry) // SECOND for n in range(1, 9)]
    assert highest == [2, 4, 8, 16, 32, 60, 60, 60]
    assert rules.backoff(8, 0, retry) == SECOND // 2
    assert rules.backoff(5, rules.SPREAD // 2 - 1, retry) == 16 * SECOND
    assert rules.backoff(10_000, rules.SPREAD - 1, retry) == 60 * SECOND


def situation(
    kind: str,
    intent: str = "send",
    *,
    moved: bool = False,
    unsure: int = 0,
    other: bool = False,
    expired: bool = False,
    over: bool = False,
    too: bool = False,
) -> Situation:
    return Situation(intent, kind, moved, unsure, other, too, expired, over)


@pytest.mark.parametrize(
    ("what", "becomes"),
    [
        (situation("sent"), "sent"),
        (situation("sent", moved=True), "sent"),
        (situation("later"), "retry"),
        (situation("later", moved=True), "superseded"),
        (situation("later", expired=True), "superseded"),
        (situation("later", over=True), "dead"),
        (situation("never", other=True), "elsewhere"),
        (situation("never", other=True, over=True), "elsewhere"),
        (situation("never"), "dead"),
        (situation("never", too=True), "superseded"),
        (situation("never", other=True, too=True), "superseded"),
        (situation("never", "edit", too=True), "dead"),
        (situation("never", moved=True), "superseded"),
        (situation("ambiguous", unsure=1), "resend"),
        (situation("ambiguous", unsure=2), "dead"),
        (situation("ambiguous", unsure=1, moved=True), "resend"),  # it may stand there: find out
        (situation("ambiguous", unsure=2, moved=True), "superseded"),
        (situation("later", unsure=1, moved=True), "resend"),
        (situation("later", unsure=1), "resend"),
        (situation("never", unsure=1, moved=True), "superseded"),
        (situation("ambiguous", "edit", unsure=5), "retry"),
        (situation("later", "edit", over=True), "dead"),
        (situation("never", "edit", other=True), "dead"),
        (situation("later", "edit", moved=True, expired=True), "retry"),
    ],
)
def test_what_becomes_of_a_message(what: Situation, becomes: str) -> None:
    assert rules.ending(what, Retry()) == becomes


def test_lanes_put_a_closing_edit_right_behind_escalations() -> None:
    by_rank = sorted(rules.LANES, key=lambda lane: rules.LANES[lane])
    assert by_rank == ["escalation", "closing", "new", "reminder", "edit", "digest"]


@pytest.mark.parametrize(
    ("live", "frozen", "where"),
    [
        (False, False, "enqueue"),
        (False, True, "enqueue"),
        (True, False, "replace"),
        (True, True, "after"),
    ],
)
def test_a_newer_revision_never_changes_what_the_vendor_may_have(
    live: bool, frozen: bool, where: str
) -> None:
    assert rules.coalesce(live, frozen) == where
