"""What a scanner did offline and the books refuse: never dropped, never guessed, asked.

The goods are where the hands put them, so somebody has to say who is right: the system (the goods
are put back) or the hands. Then what arrived is booked as more than ordered; everything else is
counted where it lies, and the count corrects the books. Not for refusals that a person sees at
once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from core import catalog, events
from core.db import Tx
from core.orders.cards import Goods, facts_of
from core.orders.combined import ReceiveLineAll, receive_line
from core.orders.count import OpenCount, open_count
from core.orders.measure import dock_of
from core.outbox.card import Button, Card, Fact
from core.people import ENGINE, Actor, Thing, may
from core.tasks import board
from core.tasks.policies import policy_of
from core.tasks.task import NewTask, Task

BOSS = ("role:supervisor",)
ON_SITE = "离线收货，以现场为准"
_ARRIVAL: TypeAdapter[ReceiveLineAll] = TypeAdapter(ReceiveLineAll)


@dataclass(frozen=True, slots=True)
class Conflict:
    """`mine`: what the hands did, `server`: why the books refuse, both in words. `at`: when, as
    the device said. `places` are counted when the hands are right, unless goods `arrived`."""

    op_id: str
    mine: str
    server: str
    code: str
    at: str
    warehouse_id: int
    places: tuple[int, ...] = ()
    item_ids: tuple[int, ...] = ()
    arrived: ReceiveLineAll | None = None


def open_conflict(tx: Tx, actor: Actor, found: Conflict) -> Task:
    """Ask a supervisor; once for an operation however often it is sent."""
    warehouse = catalog.warehouse(tx.conn, found.warehouse_id)
    goods = Goods(found.mine, "", "", warehouse.name, warehouse.id)
    facts = (
        Fact("现场记的", found.mine),
        Fact("系统里", found.server),
        Fact("谁做的", actor.name),
        *((Fact("什么时候", found.at[:40]),) if found.at else ()),
    )
    card = Card(
        "离线冲突",
        f"{found.mine}，系统没入账",
        facts_of(goods, waits=f"{actor.name}等答复", more=facts),
        (
            Button("mine", "以现场为准", "primary"),
            Button("server", "以系统为准，货放回", "danger"),
        ),
    )
    arrived = None if found.arrived is None else _ARRIVAL.dump_python(found.arrived, mode="json")
    context = {
        "op_id": found.op_id,
        "code": found.code,
        "places": list(found.places),
        "items": list(found.item_ids),
        "warehouse_id": found.warehouse_id,
        "arrived": arrived,
    }
    new = NewTask(
        kind="conflict",
        title=f"离线冲突 · {found.mine}"[:200],
        subject=f"operation:{found.op_id}",
        to=BOSS,
        policy=policy_of(tx.conn, "conflict"),
        card=card,
        context=context,
        dedupe_key=f"conflict:{found.op_id}",
        hears=(actor.person_id,),
        warehouse_id=found.warehouse_id,
    )
    task = board.open_task(tx, actor, new)
    payload = asdict(found) | {"arrived": arrived, "task": task.id}
    events.append(tx, "operation.conflict", f"operation:{found.op_id}", actor.label, payload)
    return task


def settle_conflict(tx: Tx, actor: Actor, op_id: str, about: dict[str, Any], *, mine: bool) -> str:
    """Whoever answers says who is right; what follows, in words.

    Raises:
        AppError: what `receive_line` or `open_count` refuse; nothing is changed then.
    """
    payload = {"mine": mine, "code": about["code"]}
    subject = f"operation:{about['op_id']}"
    if not mine:
        events.append(tx, "operation.settled", subject, actor.label, payload)
        return "以系统为准，货放回原处"
    if about["arrived"] is not None:
        facts = about["arrived"] | {"op_id": f"{op_id}:mine", "over_reason": ON_SITE}
        said = receive_line(tx, actor, _ARRIVAL.validate_python(facts)).sentence
    else:
        said = f"已开盘点 {'、'.join(_count(tx, actor, op_id, about))}，按实物改账"
    events.append(tx, "operation.settled", subject, actor.label, payload | {"said": said})
    return f"以现场为准：{said}"


def _count(tx: Tx, actor: Actor, op_id: str, about: dict[str, Any]) -> list[str]:
    """Have the places counted, a count for each warehouse; their codes."""
    codes = []
    for house, places in sorted(_places_by_house(tx, about).items()):
        code = f"PD-离线-{tx.new_id()[-8:]}"
        sheet = OpenCount(f"{op_id}:count:{house}", code, house, places, tuple(about["items"]))
        # Who is bound to one end of a move has the other end counted too.
        bound = not may(actor, "count", Thing("warehouse", warehouse_id=house))
        open_count(tx, ENGINE if bound else actor, sheet)
        codes.append(code)
    return codes


def _places_by_house(tx: Tx, about: dict[str, Any]) -> dict[int, tuple[int, ...]]:
    """Warehouse → what of it is counted; its dock when the hands named no place of ours."""
    found: dict[int, tuple[int, ...]] = {}
    for location_id in about["places"]:
        place = catalog.location(tx.conn, location_id)
        if place.is_internal and place.warehouse_id is not None:
            found[place.warehouse_id] = (*found.get(place.warehouse_id, ()), location_id)
    house = about["warehouse_id"]
    return found or {house: (dock_of(tx.conn, house),)}
