"""One operation of a scanner (scan, submit, act) becomes one answer, once, in one transaction.

The answer is stored with the operation id in the transaction of its effect, so a doubled frame gets
the same answer and moves nothing. Not for sockets and sign-in (pda/session.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from core.actions import Press, perform
from core.db import Tx
from core.errors import KEY_REUSED, AppError
from core.once import Answered, answer_of, answered, once
from core.orders.conflict import open_conflict
from core.people import Actor, session_actor, touch_session
from pda import messages as say
from pda.conflicts import asked_boss, conflict_of
from pda.flows import (
    back,
    count,
    lookup,
    pack,
    pick,
    putaway,
    queue,
    receive,
    transfer,
    urgent,
)
from pda.protocol import (
    AFTER_UNKNOWN,
    NEEDS_SIGN_IN,
    NOT_A_QUESTION,
    OTHER_PERSON,
    Act,
    Operation,
    Scan,
    Submit,
)
from pda.steps import Answer, Ask

FLOWS: dict[str, ModuleType] = {
    receive.FLOW: receive,
    putaway.FLOW: putaway,
    transfer.FLOW: transfer,
    count.FLOW: count,
    urgent.FLOW: urgent,
    lookup.FLOW: lookup,
    pick.FLOW: pick,
    pack.FLOW: pack,
    back.FLOW: back,
    queue.FLOW: queue,
}
READS = frozenset(
    {(flow, "open") for flow in ("receive", "putaway", "count", "pick", "pack", "back")}
    | {("lookup", "resolve")}
)
# Refusals that must not be remembered: the same operation may succeed a moment later.
_NOT_FINAL = frozenset(
    kind.code for kind in (KEY_REUSED, AFTER_UNKNOWN, NEEDS_SIGN_IN, OTHER_PERSON)
) | {"signed_out", "device_revoked"}


@dataclass(frozen=True, slots=True)
class Hands:
    """Who sent the frame: the device as it was first enrolled (`people.Device.scope_id`), and the
    session token of the person holding it.
    """

    scope_id: int
    token: str


@dataclass(frozen=True, slots=True)
class _Before:
    """Where the screen stood when the operation was made."""

    flow: str
    state: str
    context: dict[str, Any]


def answer(tx: Tx, hands: Hands, operation: Operation) -> dict[str, Any]:
    """Do `operation` at most once; a repeat gets the first answer again.

    Raises:
        AppError: what the session, the flow or the core refused; nothing is stored then.
    """
    actor = _actor(tx, hands, operation)
    touch_session(tx, hands.token)
    return _once(tx, hands, operation, lambda: _run(tx, actor, hands, operation))


def glance(tx: Tx, hands: Hands, scan: Scan) -> dict[str, Any] | Answered:
    """`answer` to a scan as a question: of most, nothing but the answer has to be kept.

    Raises:
        WriteNeededError: it books something; as `answer` does it, then. AppError: as `answer`.
    """
    actor = _actor(tx, hands, scan)
    return answered(
        tx, _scope(hands), scan.id, _content(scan), lambda: _run(tx, actor, hands, scan)
    )


def look(tx: Tx, hands: Hands, question: Submit) -> dict[str, Any]:
    """Answer a question; nothing is kept, so it costs no room however often it is asked.

    Raises:
        AppError(not_a_question): it would change something; also what session and flow refuse.
    """
    if (question.flow, question.action) not in READS:
        raise not_a_question(question)
    actor = _actor(tx, hands, question)
    return _run(tx, actor, hands, question)


def not_a_question(question: Submit) -> AppError:
    """It asks for something that changes the books."""
    return AppError(NOT_A_QUESTION, flow=question.flow, action=question.action)


def remember_refusal(
    tx: Tx, hands: Hands, operation: Operation, problem: AppError
) -> dict[str, Any]:
    """Answer a refused scan and keep that answer, so that scans sent `after` it can go on.

    Buttons are not kept: a person mends the input and presses the same button again. Unless the
    hands did it offline: then it is done, and a supervisor is asked who is right.
    """
    if isinstance(operation, Submit) and operation.late and _is_conflict(problem):
        return _conflict(tx, hands, operation, problem)
    if not isinstance(operation, Scan) or problem.status >= 500 or problem.code in _NOT_FINAL:
        return refusal(operation, problem)
    _actor(tx, hands, operation)

    def run() -> dict[str, Any]:
        before = _before(tx, hands, operation)
        return refusal(operation, problem) | {
            "flow": before.flow,
            "next_state": before.state,
            "context": before.context,
        }

    return _once(tx, hands, operation, run)


def _is_conflict(problem: AppError) -> bool:
    """The request made sense once; what the books hold has changed since."""
    return problem.status == 409 and problem.code not in _NOT_FINAL


def _conflict(tx: Tx, hands: Hands, operation: Submit, problem: AppError) -> dict[str, Any]:
    actor = _actor(tx, hands, operation)
    found = conflict_of(tx, f"d{hands.scope_id}:{operation.id}", operation, problem)
    if found is None:
        return refusal(operation, problem)

    def run() -> dict[str, Any]:
        task = open_conflict(tx, actor, found)
        message = asked_boss(problem)
        return refusal(operation, problem) | {
            "message": message.to_wire(),
            "conflict": {"task_id": task.id, "mine": found.mine, "server": found.server},
        }

    return _once(tx, hands, operation, run)


def refusal(operation: Operation, problem: AppError) -> dict[str, Any]:
    """The reply that says no; `data` null means "leave the screen as it is"."""
    message = say.refused(problem)
    return {
        "t": "reply",
        "id": operation.id,
        "ok": False,
        "flow": "" if isinstance(operation, Act) else operation.flow,
        "next_state": "" if isinstance(operation, Act) else operation.state,
        "data": None,
        "context": {} if isinstance(operation, Act) else operation.context,
        "message": message.to_wire(),
        "sound": message.sound,
    }


def _actor(tx: Tx, hands: Hands, operation: Operation) -> Actor:
    actor = session_actor(tx.conn, hands.token, "pda", tx.now, "pda")
    if operation.by is not None and operation.by != actor.person_id:
        raise AppError(OTHER_PERSON)
    return actor


def _once(
    tx: Tx, hands: Hands, operation: Operation, run: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    return once(tx, _scope(hands), operation.id, _content(operation), run)


def _content(operation: Operation) -> dict[str, Any]:
    # `at` is when the device sent it: a resend may carry another moment, not another meaning.
    return operation.model_dump(exclude={"at"})


def _scope(hands: Hands) -> str:
    return f"device:{hands.scope_id}"


def _run(tx: Tx, actor: Actor, hands: Hands, operation: Operation) -> dict[str, Any]:
    # Two devices may invent the same id; the ledger's ids are one space.
    op_id = f"d{hands.scope_id}:{operation.id}"
    if isinstance(operation, Act):
        return _act(tx, actor, operation, op_id)
    before = _before(tx, hands, operation)
    flow = FLOWS.get(before.flow or lookup.FLOW, lookup)
    ask = Ask(
        op_id=op_id,
        state=before.state,
        code=operation.code if isinstance(operation, Scan) else "",
        symbology=operation.symbology if isinstance(operation, Scan) else None,
        action=operation.action if isinstance(operation, Submit) else "",
        inputs=operation.inputs,
        context=before.context,
        scope_id=hands.scope_id,
    )
    step = flow.scan if isinstance(operation, Scan) else flow.submit
    found: Answer = step(tx, actor, ask)
    return found.to_wire(operation.id)


def _before(tx: Tx, hands: Hands, operation: Scan | Submit) -> _Before:
    """The frame's own memory, or that of the answer it names."""
    if operation.after is None:
        return _Before(operation.flow, operation.state, operation.context)
    found = answer_of(tx.conn, _scope(hands), operation.after)
    if found is None:
        raise AppError(AFTER_UNKNOWN, after=operation.after)
    return _Before(found["flow"], found["next_state"], found["context"])


def _act(tx: Tx, actor: Actor, operation: Act, op_id: str) -> dict[str, Any]:
    press = Press(
        task_id=operation.task_id,
        generation=operation.generation,
        action=operation.action,
        op_id=op_id,
        inputs=operation.inputs,
    )
    outcome = perform(tx, actor, press)
    done = Answer("", "", say.done_task(outcome.sentence), {"task": outcome.task})
    return done.to_wire(operation.id)
