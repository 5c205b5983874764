"""What becomes of a dead letter. Sent again, it says what is true of its task now, or goes nowhere.

Between a card's death and a person's decision the task may have ended or moved on; a card with the
old buttons would stand on a phone for ever.
"""

from __future__ import annotations

from core.db import Tx
from core.errors import INVALID, AppError
from core.outbox import letters
from core.outbox.messages import find_message
from core.people import Actor, person, require
from core.tasks.change import load
from core.tasks.recipients import could
from core.tasks.tell import redraw


def cause_of(message_id: str) -> str:
    """The `dedupe_key` of the task that asks what should become of a dead letter."""
    return f"dead:{message_id}"


def resend(tx: Tx, actor: Actor, message_id: str) -> bool:
    """Try a dead letter again; False when nothing goes: its task has ended, or is no longer his.

    Raises:
        AppError(not_found, letter_not_dead, no_chat, forbidden).
    """
    _require_in_reach(tx, actor, message_id)
    letters.resend(tx, actor, message_id)
    return _brought_up_to_date(tx, message_id)


def reassign(tx: Tx, actor: Actor, message_id: str, person_id: int) -> bool:
    """Send a dead letter to another person instead; False as for `resend`.

    Raises:
        AppError(not_found, letter_not_dead, no_chat, forbidden). AppError(invalid): the task is not
            for the eyes of that person.
    """
    _require_in_reach(tx, actor, message_id)
    letters.reassign(tx, actor, message_id, person_id)
    letter = find_message(tx.conn, message_id)
    assert letter is not None, "it was just put back"
    other = person(tx.conn, person_id)
    if letter.task_id and not could(other, "task.read", load(tx.conn, letter.task_id)):
        why = f"{other.name} 是别的往来单位的人，不能看这件事，请换成同事或这家供应商自己的人"
        raise AppError(INVALID, field="改发给", why=why)
    return _brought_up_to_date(tx, message_id)


def drop(tx: Tx, actor: Actor, message_id: str, why: str) -> None:
    """Give a dead letter up.

    Raises:
        AppError(not_found, letter_not_dead, forbidden).
    """
    _require_in_reach(tx, actor, message_id)
    letters.drop(tx, actor, message_id, why)


def _require_in_reach(tx: Tx, actor: Actor, message_id: str) -> None:
    """Its task may be of a warehouse that is not his; a card of no task stands in none."""
    letter = find_message(tx.conn, message_id)
    if letter is not None and letter.task_id:
        require(actor, "outbox.resend", load(tx.conn, letter.task_id).thing)


def _brought_up_to_date(tx: Tx, message_id: str) -> bool:
    letter = find_message(tx.conn, message_id)
    assert letter is not None, "it was just put back"
    if not letter.task_id:
        return True  # words that stay true
    task = load(tx.conn, letter.task_id)
    # Somebody who never had the task keeps what was sent to him: the sender wanted just that.
    if not task.is_live or letter.person_id in task.audience:
        redraw(tx, task)
    after = find_message(tx.conn, message_id)
    return after is not None and after.state == "pending"
