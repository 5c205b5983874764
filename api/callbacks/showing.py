"""The picture that goes with an answer: drawn from what the books say now, shown once.

One attempt: whoever wants it again asks again. Not for pictures on cards (api/vendors.py).
"""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy import Connection

from api.deps import Jieli
from bots.pictures import task_code
from bots.pictures.drawing import Point, stock_curve
from core import catalog
from core.quantity import ONE
from core.stock.curve import day_ends
from core.tasks.queries import task

log = logging.getLogger(__name__)

DAYS = 30
TASK_CODE = "JLT:"  # what a scanner reads before a task's id


async def show(jieli: Jieli, channel: str, user_id: str, wanted: str) -> None:
    """Draw what `wanted` names ("curve:<item>", "task:<id>") and bring it to the person."""
    face = jieli.vendors.faces.get(channel)
    if face is None:
        return
    try:
        picture = await _drawn(jieli, wanted)
        result = await face.show(user_id, picture, "jieli.png")
    except Exception:  # an answer without its picture is still an answer
        log.exception("picture_failed", extra={"wanted": wanted})
        return
    if result.kind != "sent":
        log.warning("picture_not_shown", extra={"channel": channel, "why": result.code})


async def _drawn(jieli: Jieli, wanted: str) -> bytes:
    what, _, which = wanted.partition(":")
    if what == "task":
        found = await jieli.db.read(lambda conn: task(conn, which))
        below = f"扫码枪扫一扫 ·〔{which[-4:]}〕"
        return await asyncio.to_thread(task_code, found.title, below, TASK_CODE + which)

    def ask(conn: Connection) -> tuple[str, str, list[Point]]:
        item = catalog.item(conn, int(which))
        ends = day_ends(conn, item.id, jieli.clock.now(), DAYS)
        title = f"{item.name}（{item.code}）{DAYS} 天库存"
        return title, item.unit, [Point(each.day, each.on_hand / ONE) for each in ends]

    return await asyncio.to_thread(stock_curve, *await jieli.db.read(ask))
