"""Work that a person gave up on a scanner: it is on record who, what and why, once.

Nothing moves: the operation was never booked, or it was and then this says so. Not for conflicts,
which a supervisor decides (conflict.py).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from core import audit, events
from core.audit import Filter
from core.db import Tx
from core.people import Actor

VERB = "operation.abandoned"


@dataclass(frozen=True, slots=True)
class GivenUp:
    """`op_id`: the operation's own id, `what`: in words, `op`: the operation as JSON text.

    `booked`: the server had booked it before it was given up.
    """

    op_id: str
    what: str
    reason: str
    op: str = ""
    booked: bool = False


def give_up(tx: Tx, actor: Actor, gone: GivenUp) -> bool:
    """Put it on record; False when it was there already."""
    thing = f"operation:{gone.op_id}"
    if audit.search(tx.conn, Filter(thing=thing, verb=VERB), limit=1):
        return False
    after = {"what": gone.what, "op": gone.op, "booked": gone.booked}
    face, device = actor.face, actor.device_id
    audit.record(tx, actor.label, face, VERB, thing, after=after, why=gone.reason, device_id=device)
    events.append(tx, VERB, thing, actor.label, asdict(gone))
    return True
