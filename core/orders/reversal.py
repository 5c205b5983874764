"""A person takes back what he posted by hand: the ledger's mirror, and the dock's papers too."""

from __future__ import annotations

from core import stock
from core.db import Tx
from core.orders import dock
from core.people import Actor
from core.stock import Posted


def reverse_by_hand(tx: Tx, actor: Actor, original_op_id: str, op_id: str, reason: str) -> Posted:
    """`stock.reverse_by_hand`; goods that are on a dock again wait for a shelf again.

    Raises:
        AppError: as `stock.reverse_by_hand`.
    """
    done = stock.reverse_by_hand(tx, actor, original_op_id, op_id, reason)
    if not done.replayed:
        dock.left(tx, actor, done.moves)
        dock.back(tx, actor, done.moves)
    return done
