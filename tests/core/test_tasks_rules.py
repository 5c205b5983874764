"""Policies and plans: pure arithmetic, and what a policy may not say."""

from __future__ import annotations

from typing import Any

import pytest

from core.clock import HOUR, MINUTE, SECOND
from core.errors import AppError
from core.tasks.policies import shipped
from core.tasks.policy import Policy, Rung, is_spec, warnings
from core.tasks.rules import Planned, due_of_next, kind_of, level_of, next_state, number_of, plan
from core.tasks.words import moment, rung_name, span, standstill, waiting, work_span

LADDER = Policy(
    "ladder",
    2 * HOUR,
    remind=(30 * MINUTE, 3 * HOUR),
    rungs=(
        Rung(HOUR, ("role:buyer",), repeat_every=20 * MINUTE, repeat_times=9),
        Rung(HOUR, ("role:director",), repeat_every=HOUR, repeat_times=1),
    ),
)


def natural(_clock: str, start: int, duration: int) -> int:
    return start + duration


def test_the_plan_is_the_whole_promise() -> None:
    moments = [(each.key, each.planned // MINUTE) for each in plan(LADDER, 0, natural)]
    assert moments == [
        ("L1", 60),
        ("L1#1", 80),
        ("remind#0", 90),
        ("L1#2", 100),
        ("L2", 120),
        ("due", 120),
        ("L2#1", 180),
    ]


def test_a_policy_survives_json_and_warns_of_dead_steps() -> None:
    assert Policy.from_json(LADDER.to_json()) == LADDER
    assert warnings(LADDER) == (
        "到期前 180 分钟的提醒早于任务打开，永远不会发。",
        "第 1 级要重复 9 次，但第 2 级来得更早，只会发 2 次。",
    )


@pytest.mark.parametrize("code", sorted(shipped()))
def test_shipped_policies_have_no_dead_step_and_always_a_last_resort(code: str) -> None:
    policy = shipped()[code]
    assert warnings(policy) == ()
    assert policy.rungs[-1].if_nobody in ("role:admin", "hold")


@pytest.mark.parametrize(
    "change",
    [
        {"respond_within": 0},
        {"respond_within": 367 * 24 * HOUR},
        {"clock": "lunar"},
        {"remind": [-1]},
        {"min_gap": -1},
        {"rungs": [{"after": 0, "to": ["role:buyer"]}]},
        {"rungs": [{"after": 1, "to": []}]},
        {"rungs": [{"after": 1, "to": ["everybody"]}]},
        {"rungs": [{"after": 1, "to": ["role:buyer"], "clock": "x"}]},
        {"rungs": [{"after": 1, "to": ["role:buyer"], "if_nobody": "shrug"}]},
        {"rungs": [{"after": 1, "to": ["role:buyer"], "repeat_times": 1}]},
    ],
)
def test_a_policy_that_could_never_work_is_refused(change: dict[str, Any]) -> None:
    body = {"code": "x", "respond_within": HOUR, "rungs": []} | change
    with pytest.raises(AppError) as refused:
        Policy.from_json(body)
    assert refused.value.code == "invalid"


def test_recipient_specs() -> None:
    good = ("person:12", "partner:3", "role:buyer", "team:QC", "rota:night", "manager-of:holder")
    assert all(is_spec(spec) for spec in good)
    assert not any(is_spec(spec) for spec in ("person:x", "role:", "manager-of:boss", "buyer"))


def test_keys() -> None:
    assert [kind_of(key) for key in ("L2", "L2#3", "L2~1", "remind#0", "due", "claim")] == [
        "rung",
        "repeat",
        "retry",
        "remind",
        "due",
        "claim",
    ]
    assert (level_of("L12#3"), number_of("L12#3"), number_of("L2~4"), number_of("L2")) == (
        12,
        3,
        4,
        0,
    )


def test_catching_up_is_never_early_and_leaves_a_gap() -> None:
    policy = Policy("p", HOUR, min_gap=5 * MINUTE, rungs=(Rung(HOUR, ("role:director",)),))
    first = Planned("L1", "natural", 0, HOUR, HOUR)

    def due_of(second_at: int, acted_at: int) -> int:
        second = Planned("L2", "natural", HOUR, second_at - HOUR, second_at)
        return due_of_next(policy, first, acted_at, second)

    assert due_of(2 * HOUR, HOUR + MINUTE - 1) == 2 * HOUR, "in time"
    assert due_of(2 * HOUR, 9 * HOUR) == 9 * HOUR + 5 * MINUTE
    assert due_of(9 * HOUR, 8 * HOUR) == 9 * HOUR, "late, and it need not wait longer for that"
    assert due_of(HOUR + MINUTE, 9 * HOUR) == 9 * HOUR + MINUTE, "a fast ladder stays fast"


def test_states() -> None:
    assert next_state("claim", "open") == "claimed"
    with pytest.raises(AppError, match="任务现在是「已完成」，不能认领"):
        next_state("claim", "done", "已完成")


def test_words() -> None:
    assert span(3 * 24 * HOUR + 5 * HOUR + MINUTE) == "3 天 5 小时"
    assert span(SECOND) == "不到 1 分钟"
    assert work_span(48 * HOUR + 30 * MINUTE) == "48 小时 30 分钟"
    assert work_span(0) == "0 分钟"
    assert waiting(48 * HOUR, "working") == "48 小时（工作时间，下班暂停）"
    assert rung_name(2) == "第二级"
    assert rung_name(12) == "第 12 级"
    assert standstill(3 * HOUR) == "系统曾停机 3 小时"
    assert standstill(5 * SECOND) == "系统曾停机 5 秒"
    assert moment(0) == "1月1日 周四 08:00"
