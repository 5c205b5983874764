"""Who a chat account is: asked with a one-time code, decided by an administrator, told to both.

Also what follows when an account counts: the cards that its person has missed. Not for the codes
themselves (core/people/binding.py).
"""

from __future__ import annotations

from core.db import Tx
from core.outbox import accounts, letters, queue
from core.outbox.card import Button, Card, Fact
from core.people import CHANNELS, ENGINE, Actor, bind_chat, person, spend_bind_code, unbind_chat
from core.tasks.again import cause_of
from core.tasks.board import live_with, open_task, settle_task
from core.tasks.policies import policy_of
from core.tasks.queries import inbox
from core.tasks.task import NewTask, Task
from core.tasks.tell import Message, tell

CHAT_BINDING = "chat_binding"


def ask_to_bind(tx: Tx, channel: str, user_id: str, code: str, shown_as: str = "") -> str:
    """An account that says a code asks to be that person; the sentence to answer.

    `shown_as`: what the vendor calls the account, for the administrator's eyes only.

    Raises:
        AppError(bind_code_void).
    """
    who = person(tx.conn, spend_bind_code(tx, code))
    name = CHANNELS.get(channel, channel)
    account = f"{shown_as}（{user_id}）" if shown_as else user_id
    card = Card(
        title=f"绑定聊天账号：{who.name} · {name}",
        lead="有人用绑定码把一个聊天账号认作这位同事。账号对得上才批准",
        facts=(
            Fact("人员", f"{who.name}（{who.login}）"),
            Fact("渠道", name),
            Fact("账号", account[:120]),
        ),
        buttons=(
            Button("approve", "是本人，批准", "primary"),
            Button("refuse", "不是，拒绝", "danger"),
        ),
    )
    new = NewTask(
        kind=CHAT_BINDING,
        title=card.title,
        subject=f"person:{who.id}",
        to=("role:admin",),
        policy=policy_of(tx.conn, CHAT_BINDING),
        card=card,
        context={"person_id": who.id, "channel": channel, "user_id": user_id},
        dedupe_key=f"bind:{channel}:{user_id}:{who.id}",
        surfaces=("chat", "desk"),
    )
    open_task(tx, ENGINE, new)
    return f"收到。管理员批准以后，这个账号就是{who.name}，任务卡片会发到这里。"


def decide_binding(tx: Tx, actor: Actor, task: Task, *, approve: bool) -> str:
    """An administrator's answer.

    Raises:
        AppError(forbidden): the person may not keep the roster. AppError(login_taken): the account
            is somebody else's by now.
    """
    person_id, channel = int(task.context["person_id"]), str(task.context["channel"])
    name = f"{person(tx.conn, person_id).name}的{CHANNELS.get(channel, channel)}账号"
    if not approve:
        return f"已拒绝{name}"
    bind(tx, actor, person_id, channel, str(task.context["user_id"]))
    return f"已绑定{name}"


def unbind(tx: Tx, actor: Actor, channel: str, user_id: str) -> None:
    """At once: what waits goes to the person's next account, what stands there cannot be pressed.

    Raises:
        AppError(forbidden).
    """
    unbind_chat(tx, actor, channel, user_id)
    accounts.leave(tx, channel, user_id)


def bind(tx: Tx, actor: Actor, person_id: int, channel: str, user_id: str) -> None:
    """From now on this account is this person: said there, and the cards that were missed follow.

    Raises:
        AppError(forbidden, not_found, login_taken, invalid).
    """
    identity = bind_chat(tx, actor, person_id, channel, user_id)
    who = person(tx.conn, person_id)
    waiting = [view.task for view in inbox(tx.conn, person_id)]
    missed = [each for each in waiting if _is_missed(tx, each, person_id)]
    words = _words(len(waiting), len(missed))
    hello = Card(title=f"{who.name}，你好：账号已绑定", lead=words, footer="发「帮助」看能做什么。")
    queue.put(tx, queue.notice(person_id, hello, f"bound:{identity}:{tx.now}"))
    for task in missed:
        for message_id in letters.outlived(tx, task.id, person_id):
            asks = live_with(tx, cause_of(message_id))
            if asks is not None:
                said = f"{who.name}已绑定账号，卡片重新发送"
                settle_task(tx, actor, asks.id, outcome={"action": "bound"}, sentence=said)
        urgent = task.card.urgent or task.priority == "urgent"
        tell(tx, task, [person_id], Message(f"bound:{identity}:{tx.now}", "new", urgent))


def _is_missed(tx: Tx, task: Task, person_id: int) -> bool:
    return "chat" in task.surfaces and not accounts.has_card(tx.conn, task.id, person_id)


def _words(waiting: int, missed: int) -> str:
    if not waiting:
        return "现在没有事等你处理。"
    if not missed:
        return f"有 {waiting} 件事等你处理。"
    which = "" if missed == waiting else f"其中 {missed} 件的"
    return f"有 {waiting} 件事等你处理，{which}卡片随后就到。"
