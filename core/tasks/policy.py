"""An escalation policy as data: when a task is due, who is reminded, who is next. Pure.

A policy is copied onto each task as JSON (`to_json`), so editing it never moves a running task.
Durations are microseconds. Not here: rows (`policies.py`) and arithmetic on them (`rules.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import orjson

from core.clock import MINUTE, Instant
from core.errors import INVALID, AppError

__all__ = [
    "CLAIM",
    "DONE",
    "HOLD",
    "NATURAL",
    "NEXT",
    "WORKING",
    "Instant",
    "Policy",
    "Rung",
    "check",
    "is_spec",
    "warnings",
]

NATURAL, WORKING = "natural", "working"
DONE, CLAIM = "done", "claim"
NEXT, HOLD = "next", "hold"
LONGEST = 366 * 24 * 60 * MINUTE
MOST_RUNGS, MOST_REPEATS = 20, 100


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder: `after` µs beyond the rung before it (the first: beyond opening).

    `stop_on`: this rung is dropped once somebody claims the task ("claim"), or only when the task
    is closed ("done"). `if_nobody`: "next" climbs on at once, "hold" looks again every quarter of
    an hour, anything else is a recipient spec that stands in ("role:admin"). `ding`: whoever is
    reached through DingTalk gets a DING besides the card. `group`: the team's group chat hears of
    it too, and of the end.
    """

    after: Instant
    to: tuple[str, ...]
    clock: str = NATURAL
    repeat_every: Instant = 0
    repeat_times: int = 0
    urgent: bool = False
    if_nobody: str = NEXT
    stop_on: str = DONE
    ding: bool = False
    group: bool = False


@lru_cache(maxsize=256)  # every task that is opened keeps its policy
def _json_of(policy: Policy) -> dict[str, Any]:
    return asdict(policy) | {"second": dict(policy.second)}


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a task may wait and what then happens. `remind` counts back from the due moment.

    `claim_expires` µs after a claim without an answer the task is open again (0: never).
    `min_gap` is the shortest time between two rungs when a standstill is caught up.
    `second`: buttons that a second person must confirm, and who that is ("role:supervisor").
    """

    code: str
    respond_within: Instant
    clock: str = NATURAL
    remind: tuple[Instant, ...] = ()
    rungs: tuple[Rung, ...] = ()
    claim_expires: Instant = 0
    min_gap: Instant = 5 * MINUTE
    version: int = 0
    second: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON-like; `from_json` gives an equal policy back."""
        return dict(_json_of(self))

    @staticmethod
    def from_json(body: dict[str, Any]) -> Policy:
        """The policy `body` describes.

        Raises:
            AppError(invalid): a duration, clock, spec or count that makes no sense.
        """
        rungs = tuple(Rung(**(rung | {"to": tuple(rung["to"])})) for rung in body.get("rungs", ()))
        remind = tuple(body.get("remind", ()))
        second = tuple(sorted(dict(body.get("second", ())).items()))
        policy = Policy(**(body | {"rungs": rungs, "remind": remind, "second": second}))
        check(policy)
        return policy


def kept(body: dict[str, Any]) -> Policy:
    """`Policy.from_json` of what stands on a task: a firm has a few policies and many tasks."""
    return _kept(orjson.dumps(body))


@lru_cache(maxsize=1024)
def _kept(text: bytes) -> Policy:
    return Policy.from_json(orjson.loads(text))


def check(policy: Policy) -> None:
    """Refuse a policy that could never work.

    Raises:
        AppError(invalid): naming the box and the reason.
    """
    if not 0 < policy.respond_within <= LONGEST:
        raise AppError(INVALID, field="时限", why="应大于 0，不超过 366 天")
    if policy.clock not in (NATURAL, WORKING):
        raise AppError(INVALID, field="时钟", why="只能是自然时间（natural）或工作时间（working）")
    if any(before <= 0 for before in policy.remind):
        raise AppError(INVALID, field="提醒", why="应早于到期时刻")
    if policy.claim_expires < 0 or policy.min_gap < 0 or len(policy.rungs) > MOST_RUNGS:
        raise AppError(INVALID, field="升级", why=f"级数不超过 {MOST_RUNGS}，时长不能为负")
    if not all(isinstance(spec, str) and is_spec(spec) for _, spec in policy.second):
        raise AppError(INVALID, field="第二人确认", why="确认人的写法不认识，例如 role:supervisor")
    for number, rung in enumerate(policy.rungs, 1):
        _check_rung(number, rung)


def _check_rung(number: int, rung: Rung) -> None:
    field = f"第 {number} 级"
    if rung.clock not in (NATURAL, WORKING) or rung.stop_on not in (DONE, CLAIM):
        raise AppError(INVALID, field=field, why="时钟或停止条件填得不对")
    if not 0 <= rung.after <= LONGEST or (number == 1 and rung.after == 0):
        raise AppError(INVALID, field=field, why="等待时长应大于 0，不超过 366 天")
    if not rung.to or not all(is_spec(spec) for spec in rung.to):
        raise AppError(INVALID, field=field, why="没有收件人，或收件人写法不认识")
    if rung.if_nobody not in (NEXT, HOLD) and not is_spec(rung.if_nobody):
        raise AppError(INVALID, field=field, why="没人时的去处不认识")
    if not 0 <= rung.repeat_times <= MOST_REPEATS or (rung.repeat_times and rung.repeat_every <= 0):
        raise AppError(INVALID, field=field, why=f"重复间隔应大于 0，次数不超过 {MOST_REPEATS}")


def is_spec(spec: str) -> bool:
    """True for "person:12", "partner:3", "role:buyer", "team:QC", "rota:night",
    "manager-of:12" and "manager-of:holder".
    """
    kind, _, name = spec.partition(":")
    if kind in ("person", "partner"):
        return name.isdigit()
    if kind == "manager-of":
        return name.isdigit() or name == "holder"
    return kind in ("role", "team", "rota") and bool(name)


def warnings(policy: Policy) -> tuple[str, ...]:
    """What is allowed but probably not meant, one Chinese sentence each (oncall#934)."""
    found = []
    for before in policy.remind:
        if before >= policy.respond_within:
            found.append(f"到期前 {before // MINUTE} 分钟的提醒早于任务打开，永远不会发。")
    for number, (rung, following) in enumerate(
        zip(policy.rungs, policy.rungs[1:], strict=False), 1
    ):
        if rung.repeat_times and rung.clock == following.clock:
            sent = (following.after - 1) // rung.repeat_every
            if sent < rung.repeat_times:
                found.append(
                    f"第 {number} 级要重复 {rung.repeat_times} 次，但第 {number + 1} 级来得更早，"
                    f"只会发 {max(sent, 0)} 次。"
                )
    return tuple(found)
