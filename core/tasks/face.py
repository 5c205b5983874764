"""What one person's card says about a task: its own facts plus deadline, holder, level. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.clock import MINUTE, Instant
from core.outbox.card import Card, Fact
from core.tasks.policy import WORKING
from core.tasks.task import Task
from core.tasks.words import clock_text, due_text, rung_name, span, waiting, work_span


@dataclass(frozen=True, slots=True)
class Seat:
    """One person's present assignment: at which level, why, and on whose card it is told."""

    level: int
    via: str
    card_on: str | None


EARLY = "/early"  # how `via` ends when a person did not wait for the deadline


def card_of(
    task: Task,
    seat: Seat | None,
    *,
    now: Instant,
    left: Instant,
    siblings: tuple[str, ...] = (),
    note: str = "",
) -> Card:
    """The card of the person in `seat` (None: has the task no more), drawn at `now`.

    `left` is what remains until the deadline on the policy's clock; `siblings` are titles of tasks
    of the same group that this card speaks for.
    """
    if not task.is_live:
        return task.card.ended(task.result)
    if seat is None:
        return task.card.ended(f"已转给别人：{_holder(task) or '见待办'}")
    facts = list(task.card.facts)
    facts += [Fact("同一件事", title) for title in siblings]
    deadline = _deadline(task, now, left)
    facts += [Fact("期限", deadline)] if deadline else []
    holder = _holder(task)
    facts += [Fact("负责", holder)] if holder else []
    title = task.card.title
    if siblings:
        title = f"{title}（共 {len(siblings) + 1} 件）"
    told = bool(note) and seat.via.endswith(EARLY)  # the note says who wants it, and why
    said = [note, "" if told else _climbed(task, seat), task.card.lead]
    lead = "".join(part if part.endswith("。") else part + "。" for part in said if part)
    lead = lead.removesuffix("。") if lead.count("。") == 1 else lead
    return replace(
        task.card, title=title, lead=lead, facts=tuple(facts), footer=_footer(task, seat)
    )


def _climbed(task: Task, seat: Seat) -> str:
    if seat.level == 0:
        return ""
    if seat.via.endswith(EARLY):
        return f"提前升级到你（{rung_name(seat.level)}）"
    rung = task.policy.rungs[seat.level - 1]
    return f"{waiting(rung.after, rung.clock)}内没有人处理，升级到你（{rung_name(seat.level)}）"


def _deadline(task: Task, now: Instant, left: Instant) -> str:
    if task.state == "paused":
        return f"计时暂停：{task.pause_why}"
    if task.due_at is None:
        return ""
    if task.due_at <= now:
        late = now - task.due_at
        over = f"已超 {span(late)}" if late >= MINUTE else "刚到期"
        return f"{due_text(task.due_at, task.policy.clock)}，{over}"
    rest = work_span(left) if task.policy.clock == WORKING else span(left)
    return f"{due_text(task.due_at, task.policy.clock)}，还剩 {rest}"


def _holder(task: Task) -> str:
    if task.state == "claimed" and task.claimed_at is not None:
        return f"{task.holder_name} 正在处理（{clock_text(task.claimed_at)} 认领）"
    return task.holder_name


def _footer(task: Task, seat: Seat) -> str:
    parts = [task.card.footer] if task.card.footer else []
    if "/for:" in seat.via:
        parts.append("你在代班：原负责人休假")
    if seat.level < task.level:
        parts.append(f"已升级到{rung_name(task.level)}，你仍可处理")
    if task.repeat_count:
        parts.append(f"同一原因又发生 {task.repeat_count} 次")
    return " · ".join(parts)
