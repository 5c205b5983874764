"""Stock: the thin ledger. The package is the public face: verbs change, queries ask, one proves."""

from __future__ import annotations

from core.stock.book import MoveRow, Posted
from core.stock.fulfil import (
    PartOf,
    expire,
    fulfil,
    fulfil_by_hand,
    fulfil_part,
    next_expiry,
    release,
    release_by_hand,
    release_part,
)
from core.stock.hold import Held, hold_lot, hold_lot_by_hand, release_lot, release_lot_by_hand
from core.stock.ledger import (
    post,
    post_by_hand,
    post_many,
    post_many_by_hand,
    posted,
    reverse,
    reverse_by_hand,
)
from core.stock.prove import Proof, prove
from core.stock.queries import (
    AsOf,
    BalanceRow,
    Movement,
    Promise,
    as_of,
    available,
    available_by_warehouse,
    movements,
    near_expiry,
    on_hand,
    promise,
)
from core.stock.reserve import (
    Part,
    Reserve,
    Reserved,
    reservation,
    reservations_for,
    reserve,
    reserve_by_hand,
)
from core.stock.rules import STATUSES, VIRTUAL, Line, Posting
from core.stock.serials import SerialRow, movements_of_serial, serials_of

__all__ = [
    "STATUSES",
    "VIRTUAL",
    "AsOf",
    "BalanceRow",
    "Held",
    "Line",
    "MoveRow",
    "Movement",
    "Part",
    "PartOf",
    "Posted",
    "Posting",
    "Promise",
    "Proof",
    "Reserve",
    "Reserved",
    "SerialRow",
    "as_of",
    "available",
    "available_by_warehouse",
    "expire",
    "fulfil",
    "fulfil_by_hand",
    "fulfil_part",
    "hold_lot",
    "hold_lot_by_hand",
    "movements",
    "movements_of_serial",
    "near_expiry",
    "next_expiry",
    "on_hand",
    "post",
    "post_by_hand",
    "post_many",
    "post_many_by_hand",
    "posted",
    "promise",
    "prove",
    "release",
    "release_by_hand",
    "release_lot",
    "release_lot_by_hand",
    "release_part",
    "reservation",
    "reservations_for",
    "reserve",
    "reserve_by_hand",
    "reverse",
    "reverse_by_hand",
    "serials_of",
]
