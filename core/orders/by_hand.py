"""What a person does to the ledger by hand, and the dock's papers with it."""

from __future__ import annotations

from core import stock
from core.db import Tx
from core.orders import dock
from core.people import Actor
from core.quantity import Micro
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


def fulfil_by_hand(
    tx: Tx,
    actor: Actor,
    reservation_id: int,
    op_id: str,
    to_location: int,
    *,
    quantity: Micro | None = None,
    serials: tuple[str, ...] = (),
) -> Posted:
    """`stock.fulfil_by_hand`; what left a dock is waited for no more.

    Raises:
        AppError: as `stock.fulfil_by_hand`.
    """
    done = stock.fulfil_by_hand(
        tx, actor, reservation_id, op_id, to_location, quantity=quantity, serials=serials
    )
    if not done.replayed:
        dock.left(tx, actor, done.moves)
    return done
