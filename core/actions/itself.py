"""The buttons of messages and of tasks themselves: one function each."""

from __future__ import annotations

from core.actions.doing import Doing
from core.db import Tx
from core.errors import INVALID, AppError
from core.people import person
from core.tasks import again, binding

_NOTHING_TO_SEND = "没有再发：那件事已经结束，或已经不归收件人"


def resend(tx: Tx, doing: Doing) -> str:
    goes = again.resend(tx, doing.actor, doing.about("message_id"))
    return "已重发" if goes else _NOTHING_TO_SEND


def reassign(tx: Tx, doing: Doing) -> str:
    given = doing.text("person_id")
    if not (given.isascii() and given.isdigit()):
        raise AppError(INVALID, field="人员编号", why="应是数字")
    other = person(tx.conn, int(given))
    goes = again.reassign(tx, doing.actor, doing.about("message_id"), other.id)
    return f"已改发给{other.name}" if goes else _NOTHING_TO_SEND


def drop(tx: Tx, doing: Doing) -> str:
    again.drop(tx, doing.actor, doing.about("message_id"), doing.text("why"))
    return "不再发"


def bind(tx: Tx, doing: Doing) -> str:
    approve = doing.action == "approve"
    return binding.decide_binding(tx, doing.actor, doing.task, approve=approve)


def seen(_tx: Tx, doing: Doing) -> str:
    return f"{doing.actor.name}来跟进"


def decline(_tx: Tx, doing: Doing) -> str:
    return f"{doing.actor.name}不安排：{doing.text('reason') or '没有写原因'}"
