"""Edits of cards that already stand on somebody's phone: one pending edit per surface, the newest.

A surface converges to what was asked for last; how many revisions lie between does not matter
(museum: oncall#5088, 100,000 queued card updates). Not for first sends (queue.py).
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import bindparam, or_, select, update

from core.chain import fingerprint
from core.db import Tx
from core.outbox import rules
from core.outbox.card import Card
from core.outbox.messages import Message, change, insert, of_row
from core.outbox.surfaces import Surface, on_phone
from core.outbox.tables import PENDING, SENDING, messages, surfaces
from core.outbox.tokens import Bound, make_tokens

OUTDATED = "已有更新的卡片，请看最新一张。"
MOVED_ON = "任务已有变化，这张卡片作废。请看最新一张，或打开待办。"

_LIVE = (
    select(messages)
    .where(
        messages.c.dedupe == bindparam("key_"),
        or_(messages.c.state == PENDING, messages.c.state == SENDING),
    )
    .limit(1)
)
_NEWEST_EDIT = (
    select(messages)
    .where(messages.c.task_id == bindparam("task_id_"), messages.c.surface_id == bindparam("id_"))
    .order_by(messages.c.seq.desc())
    .limit(1)
)
_SET_STATE = (
    update(surfaces)
    .where(surfaces.c.id == bindparam("id_"))
    .values(state=bindparam("state_"), changed_at=bindparam("now_"))
)
_SET_ASKED = (
    update(surfaces).where(surfaces.c.id == bindparam("id_")).values(asked=bindparam("asked_"))
)


def edit_key(surface_id: int) -> str:
    """The dedupe key of the one edit a surface may be waiting for."""
    return f"edit:{surface_id}"


def lane_of(card: Card) -> int:
    """A card that loses its buttons goes right behind escalations; other edits behind the rest."""
    return rules.LANES["closing" if card.closed else "edit"]


def replace_card(tx: Tx, message: Message, card: Card, generation: int) -> None:
    """Give an unfinished message its newest revision, now or right after the one in flight."""
    if message.is_send and message.card.get("ding"):  # what was asked of the first card stays so
        card = replace(card, ding=True)
    make_tokens(tx, Bound(message.card_id, message.task_id, generation, message.person_id), card)
    lane = message.lane if message.is_send else lane_of(card)
    if rules.coalesce(live=True, frozen=message.frozen) == "after":
        newer = {"card": card.to_json(), "generation": generation}
        change(tx, message, next=newer, lane=lane)
        return
    change(
        tx,
        message,
        card=card.to_json(),
        generation=generation,
        card_rev=message.card_rev + 1,
        next=None,
        lane=lane,
    )


def print_of(card: Card, generation: int) -> str:
    """Equal for cards a person cannot tell apart: same words, same meaning of every button."""
    return fingerprint([card.to_json(), generation if card.buttons else 0])


def enqueue_edit(
    tx: Tx, surface: Surface, card: Card, generation: int, *, again: bool = False
) -> bool:
    """Make the card at `surface` become `card`; an edit that still waits is replaced.

    False when the surface shows exactly this already: vendors count edits, and WeCom gives one
    code for one edit. `again` sends it nevertheless.
    """
    print_ = print_of(card, generation)
    if surface.asked == print_ and not again:
        return False
    tx.execute(_SET_ASKED, {"id_": surface.id, "asked_": print_})
    row = tx.execute(_LIVE, {"key_": edit_key(surface.id)}).mappings().first()
    if row is not None:
        replace_card(tx, of_row(row), card, generation)
        return True
    bound = Bound(surface.card_id, surface.task_id, generation, surface.person_id)
    make_tokens(tx, bound, card)
    insert(
        tx,
        {
            "id": tx.new_id(),
            "dedupe": edit_key(surface.id),
            "task_id": surface.task_id,
            "generation": generation,
            "person_id": surface.person_id,
            "intent": "edit",
            "lane": lane_of(card),
            "urgent": card.urgent,
            "group_key": "",
            "card": card.to_json(),
            "card_rev": surface.card_rev + 1,
            "card_id": surface.card_id,
            "surface_id": surface.id,
            "channel": surface.channel,
            "recipient": surface.recipient,
            "not_before": tx.now,
            "patient_until": tx.now + rules.Retry().patience,
        },
    )
    return True


def retire_older(tx: Tx, newest: Surface, card: Card, generation: int) -> None:
    """Close the older cards of the same task on the same account: one baton, one card.

    They count as closed at once, so that later edits of the task leave them alone.
    """
    here = (newest.task_id, newest.person_id, newest.channel)
    for older in on_phone(tx.conn, *here):
        if older.state == "live" and older.id != newest.id:
            retire(tx, older, card.ended(OUTDATED), generation)


def retire(tx: Tx, surface: Surface, ended: Card, generation: int) -> None:
    """Queue the closing of one surface and count it as closed."""
    enqueue_edit(tx, surface, ended, generation)
    set_state(tx, surface.id, "closed")


def show_again(tx: Tx, surface: Surface) -> None:
    """Repeat the newest revision: a slow, older edit may have arrived after it."""
    values = {"task_id_": surface.task_id, "id_": surface.id}
    row = tx.execute(_NEWEST_EDIT, values).mappings().first()
    if row is not None:
        card, generation = of_row(row).newest()
        enqueue_edit(tx, surface, card, generation, again=True)


def set_state(tx: Tx, surface_id: int, state: str) -> None:
    tx.execute(_SET_STATE, {"id_": surface_id, "state_": state, "now_": tx.now})
