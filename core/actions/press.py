"""Pressing a button: close the task, do the verb, in one transaction; exactly one press wins."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from core.actions.doing import Action, Doing
from core.actions.table import TABLE
from core.db import Tx
from core.errors import AppError, define
from core.once import once
from core.outbox.tokens import find_token, spend_token
from core.people import Actor, actor_of, person
from core.tasks import board, change, second
from core.tasks.inputs import check_inputs
from core.tasks.rules import NOT_YOURS
from core.tasks.task import LIVE, TaskView

NO_SUCH_BUTTON = define(
    "no_such_button",
    422,
    "没有处理：任务「{title}」没有「{action}」这个按钮。刷新卡片，按上面有的按钮。",
    "Nothing done: the task has no button “{action}”. Refresh the card and use one it has.",
)
CARD_UNKNOWN = define(
    "card_unknown",
    410,
    "没有处理：这张卡片太旧或不是本系统发的。到待办里打开这件事再处理。",
    "Nothing done: this card is too old or not ours. Open the task in your inbox instead.",
)


@dataclass(frozen=True, slots=True)
class Press:
    """One press of a button. `generation` None: the face does not know it (typed commands)."""

    task_id: str
    generation: int | None
    action: str
    op_id: str
    inputs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`sentence` tells the presser what happened; `task` is the task's wire view afterwards."""

    task_id: str
    sentence: str
    task: dict[str, Any]

    @property
    def ended(self) -> bool:
        """False when the press only asked a second person."""
        return self.task["state"] not in LIVE


def perform(tx: Tx, actor: Actor, press: Press) -> Outcome:
    """Do what the button says, once; the task is closed by it.

    That a second person was asked is no answer to keep: who disagrees may be asked again, and a
    vendor whose presses carry no number brings that under the same operation id.

    Raises:
        AppError(already_done): somebody answered first; says who, where and when.
        AppError(stale_card, not_yours, forbidden, no_such_button, invalid, key_reused), and
            whatever the verb behind the button refuses; nothing is changed then.
    """
    content = {"task": press.task_id, "action": press.action, "inputs": press.inputs}
    scope = f"press:{actor.person_id}"
    change.ask_for(tx.conn, press.task_id)
    answer = once(
        tx,
        scope,
        press.op_id,
        content,
        lambda: asdict(_perform(tx, actor, press)),
        keep=lambda made: Outcome(**made).ended,
    )
    return Outcome(**answer)


def _perform(tx: Tx, actor: Actor, press: Press, seconded: str = "") -> Outcome:
    """`seconded`: the name of the second person, once that one has agreed."""
    before = board.task(tx.conn, press.task_id)
    action = ACTIONS.get((before.kind, press.action))
    button = before.card.button(press.action)
    if action is None or button is None:
        raise AppError(NO_SUCH_BUTTON, title=before.title, action=press.action[:40])
    # Who came second must hear who won, whatever he filled in: so the task is closed first.
    given = {each.key: press.inputs[each.key] for each in button.inputs if each.key in press.inputs}
    outcome = {"action": press.action, "inputs": given}
    if not seconded and second.needs_second(before, button):
        check_inputs(button, given)
        kept = {"generation": press.generation, "inputs": given, "op_id": press.op_id}
        asked = second.ask_second(tx, actor, before, button, kept)
        return Outcome(press.task_id, asked, TaskView(before).to_wire())
    label = f"{action.label}，{seconded}确认" if seconded else action.label
    board.close_task(tx, actor, press.task_id, press.generation, outcome=outcome, sentence=label)
    check_inputs(button, given)
    sentence = action.run(tx, Doing(actor, before, press.action, given, press.op_id))
    after = board.task(tx.conn, press.task_id)
    return Outcome(press.task_id, sentence, TaskView(after).to_wire())


def press_token(tx: Tx, actor: Actor, token: str, inputs: dict[str, Any], op_id: str) -> Outcome:
    """A press from chat or the portal, which knows only the button's opaque token.

    Raises:
        AppError(card_unknown): never ours, or too old. AppError(not_yours): made for somebody
            else. Otherwise as `perform`.
    """
    known = find_token(tx.conn, token)
    if known is None or known.expires_at <= tx.now:
        raise AppError(CARD_UNKNOWN)
    if known.person_id != actor.person_id:
        whose = person(tx.conn, known.person_id).name
        raise AppError(NOT_YOURS, now=f"这张卡片是发给{whose}的")
    spend_token(tx, known)
    press = Press(known.task_id, known.generation, known.action, op_id, inputs)
    return perform(tx, actor, press)


def _second(tx: Tx, doing: Doing) -> str:
    """The second person's answer to what the first one pressed."""
    second.check_another(doing.actor, doing.task)
    if doing.action == "deny":
        return second.deny(tx, doing.actor, doing.task, doing.text("reason"))
    asked = doing.task.context
    first = board.task(tx.conn, doing.about("task_id"))
    if not first.is_live:
        return f"没有再办，那件事已经结束：{first.result}"
    by = actor_of(tx.conn, int(asked["person_id"]), str(asked["face"]))
    press = Press(first.id, None, str(asked["action"]), str(asked["op_id"]), dict(asked["inputs"]))
    return _perform(tx, by, press, doing.actor.name).sentence


ACTIONS = TABLE | {
    ("second_person", "confirm"): Action(_second, "看过了，同意"),
    ("second_person", "deny"): Action(_second, "不同意"),
}
