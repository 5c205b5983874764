"""A vendor refuses our whole account: cards wait for it a quarter of an hour, no longer.

Sixty messages of sixty people stand behind one address that is missing in a console (WeCom 60020).
Whoever has another app is called there; the rest is tried until its patience ends and becomes a
dead letter. Not for one person's refusals (recording.py).
"""

from __future__ import annotations

from sqlalchemy import bindparam, select

from core.clock import MINUTE
from core.db import Tx
from core.outbox import rules
from core.outbox.channel import GROUP
from core.outbox.messages import change, comes_elsewhere, of_row
from core.outbox.tables import PENDING, messages
from core.people import reach_of_many

AFTER = 15 * MINUTE

_m = messages.c
_KEPT_WAITING = (
    _m.channel == bindparam("channel_"),
    _m.state == PENDING,
    _m.intent == "send",
    _m.unsure == 0,  # what may have arrived stays where it may stand
    _m.patient_until <= bindparam("patient_"),
)
_WHO = select(_m.person_id).where(*_KEPT_WAITING).distinct()
_THEIRS = (
    select(messages)
    .where(*_KEPT_WAITING, _m.person_id.in_(bindparam("people_", expanding=True)))
    .order_by(_m.lane, _m.seq)
    .limit(500)
)


def detour(tx: Tx, channel: str, retry: rules.Retry) -> int:
    """Send what has waited for `channel` too long by its receivers' next apps; how many.

    At most 500 at once; the others go when the vendor refuses us the next time. What is said to the
    team waits: nobody's own app is a way to it.
    """
    if channel == GROUP:
        return 0
    values = {"channel_": channel, "patient_": tx.now - AFTER + retry.patience}
    who = list(tx.execute(_WHO, values).scalars())
    reach = reach_of_many(tx.conn, who)
    lucky = [each for each in who if reach(each).living([channel])]
    if not lucky:
        return 0
    moved = 0
    theirs = tx.execute(_THEIRS, values | {"people_": lucky}).mappings()
    for message in [of_row(row) for row in theirs]:
        tried = [*message.tried, channel]
        others = reach(message.person_id).living(tried)
        if not others or comes_elsewhere(tx, message):
            continue
        where = {"channel": others[0].channel, "recipient": others[0].user_id, "tried": tried}
        change(tx, message, **where, failures=0, not_before=tx.now)
        moved += 1
    return moved
