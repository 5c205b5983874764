"""What waits on the scanner itself: a person gives an operation up, and that is on record.

1. On the screen 待传与被拒 tap 放弃 and say why: the scanner keeps it and tells the server as soon
   as there is a connection. Whoever is signed in on the device may.

What may go wrong: told twice it is on record once; what the server had booked before stays booked,
and the answer says so. Not for sending or mending: that is the scanner's.
"""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from pydantic import Field

from core.db import Tx
from core.once import answer_of
from core.orders.given_up import GivenUp, give_up
from core.people import Actor
from pda import messages as say
from pda.protocol import OpId
from pda.queue_words import abandoned, abandoned_but_booked
from pda.steps import Answer, Ask, Context, load, refuse

FLOW = "queue"
_LONGEST = 4_000  # characters of the operation that are kept


class Abandon(Context):
    """What the device tells; `op` is the operation as it was, or would have been, sent."""

    id: OpId
    what: Annotated[str, Field(max_length=400)] = ""
    reason: Annotated[str, Field(min_length=1, max_length=400)]
    op: dict[str, Any] = {}  # noqa: RUF012  # pydantic copies defaults


def scan(_tx: Tx, _actor: Actor, ask: Ask) -> Answer:
    """Nothing is scanned here."""
    refuse(say.unexpected_scan(ask.code[:40], "按钮"))


def submit(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """The only tap: abandon."""
    if ask.action != "abandon":
        refuse(say.unexpected_scan("没有的按钮", "放弃"))
    told = load(Abandon, ask.inputs, "inputs")
    known = answer_of(tx.conn, f"device:{ask.scope_id}", told.id)
    booked = known is not None and bool(known["ok"])
    op = orjson.dumps(told.op).decode()[:_LONGEST]
    gone = GivenUp(f"d{ask.scope_id}:{told.id}", told.what, told.reason, op, booked)
    give_up(tx, actor, gone)
    return Answer(FLOW, "start", abandoned_but_booked() if booked else abandoned())
