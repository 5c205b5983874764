"""The rules of a task: which state may follow which, and which moment comes next. Pure.

All instants are µs; `Reckon` adds a duration on a clock ("natural" or "working"), negative ones
back in time. Not here: who is meant by "role:buyer" (`recipients.py`) and rows (`timers.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.clock import MINUTE
from core.errors import AppError, define
from core.tasks.policy import CLAIM, Instant, Policy, Rung

ALREADY_DONE = define(
    "already_done",
    409,
    "{result}。这一次没有再记账，不用再按。",
    "Already handled by {name} ({face}). Nothing was booked again.",
)
STALE_CARD = define(
    "stale_card",
    409,
    "这张卡片是旧的：{now}。没有记账，请按最新卡片上的按钮。",
    "This card is out of date: {now}. Nothing was booked; use the newest card.",
)
CLAIMED = define(
    "claimed",
    409,
    "{name} 已经在处理（认领于 {at}）。请等结果，或请对方转交给你。",
    "{name} is on it (claimed at {at}). Wait, or ask for a hand-over.",
)
NOT_NOW = define(
    "not_now",
    409,
    "任务现在是「{state}」，不能{verb}。刷新后再看该做什么。",
    "The task is {state}; this step does not fit now. Refresh and look again.",
)
NOT_YOURS = define(
    "not_yours",
    403,
    "这件事已不在你手上：{now}。没有记账，有疑问请找现在的负责人。",
    "This task is no longer yours: {now}. Nothing was booked.",
)
TWIN_LIVES = define(
    "twin_lives",
    409,
    "没有重开：同一原因的「{title}」已经有一件新任务在办。请打开那一件。",
    "Not reopened: a newer task for the same cause, “{title}”, is already live. Open that one.",
)

LATE = MINUTE  # a card this late says that the system stood still

Reckon = Callable[[str, Instant, Instant], Instant]

# verb → (states it may start from, state it leads to)
TRANSITIONS: dict[str, tuple[frozenset[str], str]] = {
    "claim": (frozenset({"open", "snoozed"}), "claimed"),
    "put_back": (frozenset({"claimed"}), "open"),
    "hand_over": (frozenset({"open", "claimed", "snoozed"}), "open"),
    "snooze": (frozenset({"open", "claimed", "snoozed"}), "snoozed"),
    "wake": (frozenset({"snoozed"}), "open"),
    "pause": (frozenset({"open", "claimed", "snoozed"}), "paused"),
    "resume": (frozenset({"paused"}), "open"),
    "close": (frozenset({"open", "claimed", "snoozed", "paused"}), "done"),
    "cancel": (frozenset({"open", "claimed", "snoozed", "paused"}), "cancelled"),
    "reopen": (frozenset({"done", "cancelled"}), "open"),
}
VERBS_ZH = {
    "claim": "认领",
    "put_back": "放回",
    "hand_over": "转交",
    "snooze": "稍后提醒",
    "pause": "暂停计时",
    "resume": "恢复计时",
    "close": "处理",
    "cancel": "撤销",
    "reopen": "重开",
}


def next_state(verb: str, state: str, state_zh: str = "") -> str:
    """The state `verb` leads to from `state`.

    Raises:
        AppError(not_now): the verb does not fit this state.
    """
    allowed, target = TRANSITIONS[verb]
    if state not in allowed:
        raise AppError(NOT_NOW, state=state_zh or state, verb=VERBS_ZH.get(verb, verb))
    return target


@dataclass(frozen=True, slots=True)
class Planned:
    """One moment: `planned` = `span` µs beyond `base` on `clock`."""

    key: str
    clock: str
    base: Instant
    span: Instant
    planned: Instant


def rung_key(level: int) -> str:
    return f"L{level}"


def repeat_key(level: int, number: int) -> str:
    return f"L{level}#{number}"


def retry_key(level: int, number: int) -> str:
    """The `number`-th new look for somebody on duty (if_nobody="hold")."""
    return f"L{level}~{number}"


def kind_of(key: str) -> str:
    """rung · retry · repeat · remind · due · claim · snooze · pause."""
    if key.startswith("L"):
        return "repeat" if "#" in key else "retry" if "~" in key else "rung"
    return key.partition("#")[0]


def is_rung(key: str) -> bool:
    """True for what climbs: a rung, or a new look for somebody on duty."""
    return kind_of(key) in ("rung", "retry")


def level_of(key: str) -> int:
    """The rung that "L2", "L2#3" or "L2~1" belongs to."""
    return int(key[1:].partition("#")[0].partition("~")[0])


def number_of(key: str) -> int:
    """3 for "L2#3" and "L2~3", 0 for "L2"."""
    tail = key.replace("~", "#").partition("#")[2]
    return int(tail) if tail else 0


def openers(policy: Policy, base: Instant, reckon: Reckon) -> Iterator[Planned]:
    """The timers to write when the task opens at `base`: due, reminders, the first rung."""
    due = reckon(policy.clock, base, policy.respond_within)
    yield Planned("due", policy.clock, base, policy.respond_within, due)
    for number, before in enumerate(policy.remind):
        planned = reckon(policy.clock, due, -before)
        if planned > base:
            yield Planned(f"remind#{number}", policy.clock, due, -before, planned)
    first = next_rung(policy, 0, base, reckon)
    if first is not None:
        yield first


def next_rung(
    policy: Policy, level: int, anchor: Instant, reckon: Reckon, *, claimed: bool = False
) -> Planned | None:
    """The rung after `level`, counted from `anchor` (the planned moment of `level`, never now).

    While somebody holds the task (`claimed`) rungs that stop on a claim are passed over, and those
    behind them keep their moments. None: the ladder ends.
    """
    for number, rung in enumerate(policy.rungs[level:], level + 1):
        planned = reckon(rung.clock, anchor, rung.after)
        if not (claimed and rung.stop_on == CLAIM):
            return Planned(rung_key(number), rung.clock, anchor, rung.after, planned)
        anchor = planned
    return None


def repeats(
    rung: Rung,
    level: int,
    number: int,
    *,
    anchor: Instant,
    until: Instant | None,
    reckon: Reckon,
) -> Iterator[Planned]:
    """The repeats of `rung` after its `number`-th (planned at `anchor`), in order.

    They end before `until`, the next rung: whoever is passed by is no longer nagged.
    """
    for following in range(number + 1, rung.repeat_times + 1):
        planned = reckon(rung.clock, anchor, rung.repeat_every)
        if until is not None and planned >= until:
            return
        key = repeat_key(level, following)
        yield Planned(key, rung.clock, anchor, rung.repeat_every, planned)
        anchor = planned


def plan(policy: Policy, opened_at: Instant, reckon: Reckon) -> tuple[Planned, ...]:
    """Everything that happens to a task nobody touches, by time: the promise of the policy."""
    moments = list(openers(policy, opened_at, reckon))
    rung = next_rung(policy, 0, opened_at, reckon)
    for level in range(1, len(policy.rungs) + 1):
        assert rung is not None
        following = next_rung(policy, level, rung.planned, reckon)
        until = None if following is None else following.planned
        moments += repeats(
            policy.rungs[level - 1], level, 0, anchor=rung.planned, until=until, reckon=reckon
        )
        moments += [following] if following is not None else []
        rung = following
    return tuple(sorted(moments, key=lambda moment: (moment.planned, moment.key)))


def due_of_next(policy: Policy, acted: Planned, at: Instant, following: Planned) -> Instant:
    """When the rung after `acted`, which acts `at`, may act itself: never before it is planned.

    After a standstill at least `min_gap` later: each person gets a chance before the next is
    called, however many rungs lie behind by now.
    """
    if at - acted.planned < LATE:
        return following.planned
    gap = min(policy.min_gap, max(following.planned - acted.planned, 0))
    return max(following.planned, at + gap)


def stops_on_claim(policy: Policy, key: str) -> bool:
    """True for timers that wait in the drawer while somebody holds the task."""
    if kind_of(key) == "repeat":
        return True
    if is_rung(key):
        return rung_of(policy, key).stop_on == CLAIM
    return False


def rung_of(policy: Policy, key: str) -> Rung:
    """The rung of the policy that a ladder key belongs to."""
    return policy.rungs[level_of(key) - 1]
