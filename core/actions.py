"""The table of verbs: (task kind, button) → function. Every button of every face lands here.

`perform` closes the task first (permission at press time, fence, compare-and-set: exactly one press
wins), then does the verb; both commit together or not at all. A button that asks for inputs gets
them checked against what the card asked. Not for verifying vendors' callbacks (bots, api).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from core import catalog
from core.db import Tx
from core.errors import INVALID, AppError, define
from core.once import once
from core.orders import (
    closing,
    count,
    decision,
    inspection,
    progress,
    purchase,
    putaway,
    receipt,
    rules,
    transfer,
)
from core.orders.measure import dock_of, short_amount
from core.orders.qc_cards import CLAIM_ANSWERS, DECISIONS, LEGAL_ANSWERS
from core.outbox import letters
from core.outbox.tokens import find_token, spend_token
from core.people import Actor, actor_of, person, require
from core.quantity import Micro, parse
from core.tasks import again, binding, board, second
from core.tasks.inputs import check_inputs
from core.tasks.rules import NOT_YOURS
from core.tasks.task import LIVE, Task, TaskView

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


@dataclass(frozen=True, slots=True)
class Doing:
    """What an action's function gets: who, about which task, with which checked inputs."""

    actor: Actor
    task: Task
    action: str
    inputs: Mapping[str, Any]
    op_id: str

    def text(self, key: str) -> str:
        """A typed or chosen input, trimmed; empty when it was left out."""
        return str(self.inputs.get(key, "")).strip()

    def quantity(self, key: str) -> Micro | None:
        """A quantity in base units, None when it was left out."""
        text = self.text(key)
        return parse(text) if text else None

    def photos(self, key: str = "photo") -> tuple[str, ...]:
        """File ids; a face may send one or several."""
        value = self.inputs.get(key) or ()
        return (value,) if isinstance(value, str) else tuple(str(each) for each in value)

    def checks(self) -> dict[str, str]:
        """The answers to an inspection checklist: fields `check.<key>`."""
        found = {key: self.text(key) for key in self.inputs if key.startswith("check.")}
        return {key.removeprefix("check."): text for key, text in found.items()}

    def about(self, key: str) -> str:
        """An id that the task's context carries."""
        return str(self.task.context[key])


@dataclass(frozen=True, slots=True)
class Action:
    """What a button does, and what everybody else then reads: 「已由 李某 …处理:<label>」."""

    run: Callable[[Tx, Doing], str]
    label: str


# -- goods in ----------------------------------------------------------------------------------
def _receive_rest(tx: Tx, doing: Doing) -> str:
    lots = {key.removeprefix("lot."): doing.text(key) for key in doing.inputs if key[:4] == "lot."}
    expiries = {
        key.removeprefix("expires."): doing.text(key)
        for key in doing.inputs
        if key.startswith("expires.")
    }
    ask = receipt.ReceiveRest(doing.op_id, doing.about("order_id"), lots, expiries)
    made = receipt.receive_rest(tx, doing.actor, ask)
    return f"已全部收货：{made.order_code} 共 {len(made.lines)} 行"


def _close_short(tx: Tx, doing: Doing) -> str:
    reason = doing.text("reason") or "供应商不再交货"
    ask = closing.CloseShort(doing.op_id, doing.about("order_id"), reason)
    closing.close_short(tx, doing.actor, ask)
    return "剩下的不再收，已结案"


def _confirm(tx: Tx, doing: Doing) -> str:
    promised = purchase.confirm(tx, doing.actor, doing.about("order_id"), doing.about("due_on"))
    return f"已确认 {promised.promised_on} 交货"


def _propose(tx: Tx, doing: Doing) -> str:
    promised = purchase.confirm(tx, doing.actor, doing.about("order_id"), doing.text("date"))
    return f"已提出 {promised.promised_on} 交货，采购会看到"


def _pass(tx: Tx, doing: Doing) -> str:
    line = progress.line(tx.conn, doing.about("receipt_line_id"))
    return _judge(tx, doing, line.to_inspect, 0)


def _fail(tx: Tx, doing: Doing) -> str:
    line = progress.line(tx.conn, doing.about("receipt_line_id"))
    rejected = doing.quantity("rejected")
    if rejected is None:
        rejected = line.to_inspect
    return _judge(tx, doing, max(0, line.to_inspect - rejected), rejected)


def _judge(tx: Tx, doing: Doing, accepted: Micro, rejected: Micro) -> str:
    ask = inspection.Inspect(
        doing.op_id,
        doing.about("receipt_line_id"),
        accepted,
        rejected,
        reason=doing.text("reason"),
        checks=doing.checks(),
        photos=doing.photos(),
    )
    done = inspection.inspect(tx, doing.actor, ask)
    item = catalog.item(tx.conn, done.item_id)
    words = [
        f"{name} {short_amount(tx.conn, item, quantity)}"
        for name, quantity in (("合格", done.accepted), ("不合格", done.rejected))
        if quantity
    ]
    return f"{item.name} " + "，".join(words)


def _put_away(tx: Tx, doing: Doing) -> str:
    line = progress.line(tx.conn, doing.about("receipt_line_id"))
    code = doing.text("bin") or doing.about("bin")
    if not code:
        raise AppError(INVALID, field="库位", why="没有建议库位，请填一个")
    item = catalog.item(tx.conn, line.item_id)
    if not line.to_stock:
        raise AppError(rules.NOTHING_OPEN, what=f"{item.name} 的上架")
    ask = putaway.PutAway(
        doing.op_id,
        line.item_id,
        line.lot_id,
        line.to_stock,
        dock_of(tx.conn, line.warehouse_id),
        catalog.location_by_code(tx.conn, code).id,
        receipt_line_id=line.id,
    )
    done = putaway.put_away(tx, doing.actor, ask)
    return f"{item.name} {short_amount(tx.conn, item, done.quantity)} 放到 {done.to_code}"


# -- failed inspections ------------------------------------------------------------------------
def _decide(tx: Tx, doing: Doing) -> str:
    failed = doing.about("inspection_id")
    # One tap in chat is a decision on what the inspection found.
    found = inspection.inspection(tx.conn, failed).reason
    reason = doing.text("reason") or f"依据质检结论：{found}"
    ask = decision.Decide(doing.op_id, failed, doing.action, reason)
    return decision.decide(tx, doing.actor, ask).sentence


def _answer(tx: Tx, doing: Doing) -> str:
    if "supplier" in doing.actor.roles:
        require(doing.actor, "portal.answer", doing.task.thing)
    said = decision.Answer(
        doing.about("inspection_id"), doing.action, doing.text("reason"), doing.photos()
    )
    return decision.answer(tx, doing.actor, said)


# -- transfers and counts ----------------------------------------------------------------------
def _send(tx: Tx, doing: Doing) -> str:
    ask = transfer.SendTransfer(doing.op_id, doing.about("transfer_id"))
    return f"{transfer.send_transfer(tx, doing.actor, ask).code} 已发出，对方等收"


def _take(tx: Tx, doing: Doing) -> str:
    ask = transfer.ReceiveTransfer(doing.op_id, doing.about("transfer_id"))
    return f"{transfer.receive_transfer(tx, doing.actor, ask).code} 已全部收到"


def _finish(tx: Tx, doing: Doing) -> str:
    done = count.finish(tx, doing.actor, count.FinishCount(doing.op_id, doing.about("count_id")))
    return _counted(done)


def _approve(tx: Tx, doing: Doing) -> str:
    reason = doing.text("reason") or "已换人复盘"
    ask = count.FinishCount(doing.op_id, doing.about("count_id"), reason)
    return _counted(count.approve(tx, doing.actor, ask))


def _counted(done: count.Finished) -> str:
    words = f"入账 {done.applied} 格，相符 {done.same} 格"
    if done.waiting_approval:
        words += f"，{done.waiting_approval} 格等批准"
    return words + "".join(f"。{each.rstrip('。')}" for each in done.conflicts)


def _send_back(tx: Tx, doing: Doing) -> str:
    reason = doing.text("reason") or "请再数一遍"
    ask = count.SendBack(doing.op_id, doing.about("count_id"), reason)
    return f"{count.send_back(tx, doing.actor, ask).recount} 格退回重盘"


# -- messages and tasks themselves -------------------------------------------------------------
_NOTHING_TO_SEND = "没有再发：那件事已经结束，或已经不归收件人"


def _resend(tx: Tx, doing: Doing) -> str:
    goes = again.resend(tx, doing.actor, doing.about("message_id"))
    return "已重发" if goes else _NOTHING_TO_SEND


def _reassign(tx: Tx, doing: Doing) -> str:
    given = doing.text("person_id")
    if not (given.isascii() and given.isdigit()):
        raise AppError(INVALID, field="人员编号", why="应是数字")
    other = person(tx.conn, int(given))
    goes = again.reassign(tx, doing.actor, doing.about("message_id"), other.id)
    return f"已改发给{other.name}" if goes else _NOTHING_TO_SEND


def _drop(tx: Tx, doing: Doing) -> str:
    letters.drop(tx, doing.actor, doing.about("message_id"), doing.text("why"))
    return "不再发"


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


def _bind(tx: Tx, doing: Doing) -> str:
    approve = doing.action == "approve"
    return binding.decide_binding(tx, doing.actor, doing.task, approve=approve)


def _seen(_tx: Tx, doing: Doing) -> str:
    return f"{doing.actor.name}来跟进"


def _declined(_tx: Tx, doing: Doing) -> str:
    return f"{doing.actor.name}不安排：{doing.text('reason') or '没有写原因'}"


ACTIONS: dict[tuple[str, str], Action] = {
    ("receive", "receive_rest"): Action(_receive_rest, "全部收货"),
    ("receive", "close_short"): Action(_close_short, "剩下的不来了，结案"),
    ("confirm_order", "confirm"): Action(_confirm, "确认按期交货"),
    ("confirm_order", "propose"): Action(_propose, "要改交期"),
    ("inspect", "pass"): Action(_pass, "合格"),
    ("inspect", "fail"): Action(_fail, "不合格"),
    ("putaway", "put_away"): Action(_put_away, "已上架"),
    **{("qc_decide", key): Action(_decide, label) for key, label in DECISIONS.items()},
    **{("qc_legal", key): Action(_answer, label) for key, label in LEGAL_ANSWERS.items()},
    **{("qc_claim", key): Action(_answer, label) for key, label in CLAIM_ANSWERS.items()},
    ("transfer", "send"): Action(_send, "全部发出"),
    ("transfer", "receive"): Action(_take, "全部收到"),
    ("count", "finish"): Action(_finish, "数完了，已提交"),
    ("count_approve", "approve"): Action(_approve, "批准入账"),
    ("count_approve", "send_back"): Action(_send_back, "退回重盘"),
    ("dead_letter", "resend"): Action(_resend, "重发"),
    ("dead_letter", "reassign"): Action(_reassign, "改发给别人"),
    ("dead_letter", "drop"): Action(_drop, "不再发"),
    ("second_person", "confirm"): Action(_second, "看过了，同意"),
    ("second_person", "deny"): Action(_second, "不同意"),
    ("chat_binding", "approve"): Action(_bind, "是本人，批准"),
    ("chat_binding", "refuse"): Action(_bind, "不是，拒绝"),
    ("unwatched", "seen"): Action(_seen, "我来跟进"),
    ("request", "take"): Action(_seen, "我来安排"),
    ("request", "decline"): Action(_declined, "不安排"),
}


def perform(tx: Tx, actor: Actor, press: Press) -> Outcome:
    """Do what the button says, once; the task is closed by it.

    Raises:
        AppError(already_done): somebody answered first; says who, where and when.
        AppError(stale_card, not_yours, forbidden, no_such_button, invalid, key_reused), and
            whatever the verb behind the button refuses; nothing is changed then.
    """
    content = {"task": press.task_id, "action": press.action, "inputs": press.inputs}
    scope = f"press:{actor.person_id}"
    answer = once(tx, scope, press.op_id, content, lambda: asdict(_perform(tx, actor, press)))
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
        kept = {"generation": before.generation, "inputs": given, "op_id": press.op_id}
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
