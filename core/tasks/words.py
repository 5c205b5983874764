"""The Chinese words of a task: faces, deadlines, who won. Pure; no decision is taken here."""

from __future__ import annotations

from core.clock import DAY, HOUR, MINUTE, SECOND, Instant, to_datetime
from core.tasks.policy import WORKING

FACES = {
    "desk": "工作台",
    "wecom": "企业微信",
    "dingtalk": "钉钉",
    "telegram": "Telegram",
    "pda": "扫码枪",
    "portal": "供应商门户",
    "api": "接口",
    "cli": "命令行",
    "engine": "系统",
}
STATES = {
    "open": "待处理",
    "claimed": "处理中",
    "snoozed": "稍后",
    "paused": "计时暂停",
    "done": "已完成",
    "cancelled": "已撤销",
}
_WEEKDAYS = "一二三四五六日"
_RUNG_NUMBERS = "零一二三四五六七八九十"


def face_name(face: str) -> str:
    """「企业微信」 for "wecom"; an unknown face is named as it is."""
    return FACES.get(face, face)


def clock_text(at: Instant) -> str:
    """「16:21」 in Shanghai."""
    return f"{to_datetime(at):%H:%M}"


def moment(at: Instant) -> str:
    """「3月4日 周三 16:20」."""
    when = to_datetime(at)
    return f"{when.month}月{when.day}日 周{_WEEKDAYS[when.weekday()]} {when:%H:%M}"


def due_text(due_at: Instant | None, clock: str) -> str:
    """「3月4日 周三 16:20 前」, with the clock it runs on when that is working time."""
    if due_at is None:
        return ""
    return f"{moment(due_at)} 前" + ("（按工作时间）" if clock == WORKING else "")


def span(duration: Instant) -> str:
    """「2 天 3 小时」「45 分钟」: at most two units, nothing below a minute but 「不到 1 分钟」."""
    minutes = max(duration, 0) // MINUTE
    days, rest = divmod(minutes, DAY // MINUTE)
    hours, minutes = divmod(rest, HOUR // MINUTE)
    parts = [(days, "天"), (hours, "小时"), (minutes, "分钟")]
    said = [f"{number} {unit}" for number, unit in parts if number][:2]
    return " ".join(said) or "不到 1 分钟"


def work_span(duration: Instant) -> str:
    """「48 小时」: working time is never told in days, a day of it means different things."""
    hours, rest = divmod(max(duration, 0), HOUR)
    minutes = rest // MINUTE
    said = [f"{hours} 小时"] if hours else []
    if minutes or not hours:
        said.append(f"{minutes} 分钟")
    return " ".join(said)


def waiting(duration: Instant, clock: str) -> str:
    """A policy's duration with its clock: 「48 小时（工作时间，下班暂停）」."""
    hint = "（工作时间，下班暂停）" if clock == WORKING else ""
    return work_span(duration) + hint


def rung_name(level: int) -> str:
    """「第二级」."""
    number = _RUNG_NUMBERS[level] if level < len(_RUNG_NUMBERS) else f" {level} "
    return f"第{number}级"


def won_sentence(name: str, face: str, sentence: str, at: Instant) -> str:
    """「已由 李某 在企业微信处理：退回供应商（16:21）」."""
    return f"已由 {name} 在{face_name(face)}处理：{sentence}（{clock_text(at)}）"


def standstill(late: Instant) -> str:
    """「系统曾停机 3 小时」 for a card that comes `late` µs after its moment."""
    return f"系统曾停机 {span(late)}" if late >= MINUTE else f"系统曾停机 {late // SECOND} 秒"
