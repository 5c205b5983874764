"""What the books must hold after an offline day: what the same work done online leaves in them.

The online twin does the colleague's and then the worker's facts, one after the other, through the
same door. Then: the same facts booked and refused, the same balances, as many moves, one conflict
task for each fact that was refused late, every photo where people find it. Not for the whole
database: `core.stock.prove` at the end of the run.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, or_, select

from core import audit as log
from core import people
from core.catalog.tables import locations
from core.db import Database, Tx
from core.errors import AppError
from core.orders.given_up import VERB
from core.stock import on_hand
from core.stock.tables import moves
from core.tasks.queries import Filters, board
from core.tasks.tables import attachments
from pda.answers import Hands, answer
from pda.protocol import Submit
from tests.web.offline.stage import COUNTED, STOPS, Twin

LIMIT = 500


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that somebody did, as a device tells it."""

    id: str
    flow: str
    action: str
    inputs: dict[str, Any]


@dataclass(slots=True)
class Verdict:
    """What became of one seed."""

    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def tell(db: Database, person_id: int, device_id: int, fact: Fact) -> str:
    """Book a fact as if online; the code of its refusal, empty when it is booked."""

    def command(tx: Tx) -> dict[str, Any]:
        token = people.open_session(tx, person_id, "pda", device_id)
        frame: dict[str, Any] = {
            "t": "submit",
            "id": fact.id,
            "flow": fact.flow,
            "action": fact.action,
        }
        frame |= {"inputs": fact.inputs, "by": person_id}
        return answer(tx, Hands(device_id, token), Submit.model_validate(frame))

    try:
        found = db.write_now(command)
    except AppError as problem:
        return problem.code
    return "" if found["ok"] else str(found["message"]["code"])


def colleague(db: Database, twin: Twin, kind: str) -> None:
    """Somebody else does part of the same work."""
    for n, (flow, action, inputs) in enumerate(_doings(twin, kind)):
        fact = Fact(f"colleague-{n}-{twin.prefix}", flow, action, inputs)
        refused = tell(db, twin.colleague_id, twin.colleague_device_id, fact)
        assert not refused, (twin.prefix, kind, refused)


def _doings(twin: Twin, kind: str) -> list[tuple[str, str, dict[str, Any]]]:
    ids, prefix = twin.ids, twin.prefix
    if kind == "receive":
        bin_ = f"{prefix}-R1"
        facts = {"order_id": ids["order"], "line_id": ids["line-box"], "quantity": "30"}
        return [("receive", "confirm", facts | {"bin": bin_})]
    if kind == "pick":
        picked = {"line_id": ids["stop-P1"], "quantity": str(STOPS["P1"][2])}
        return [("pick", "pick", picked)]
    if kind == "count":
        seen = [{"item_code": f"{prefix}-tin", "quantity": str(COUNTED)}]
        place = {"count_id": ids["count"], "place": f"{prefix}-C1", "seen": seen}
        return [("count", "place", place), ("count", "finish", {"count_id": ids["count"]})]
    return []


def audit(db: Database, offline: Twin, online: Twin, report: dict[str, Any]) -> Verdict:
    """Compare the two; `report` is what the program with the scanner saw."""
    found = Verdict()
    done = [each for each in report["entries"] if each["flow"] != "queue"]
    _nothing_lost(found, report, done)
    for kind in report["colleague"]:
        colleague(db, online, kind)
    for each in done:
        _compare_fact(found, db, (offline, online), each)
    db.read_now(lambda conn: _compare_books(conn, found, offline, online))
    db.read_now(lambda conn: _conflicts(conn, found, offline, done))
    db.read_now(lambda conn: _photos(conn, found, report))
    found.wrong += [f"the program: {each}" for each in report["errors"]]
    return found


def _nothing_lost(found: Verdict, report: dict[str, Any], done: list[dict[str, Any]]) -> None:
    hands, kept = Counter(report["hands"]), Counter(each["id"] for each in done)
    if hands != kept:
        found.wrong.append(f"done by hand {hands - kept}, only on the device {kept - hands}")
    waiting = [each["id"] for each in report["entries"] if each["state"] == "waiting"]
    if waiting:
        found.wrong.append(f"still waiting: {waiting}")
    found.counts["facts"] += len(done)


def _compare_fact(
    found: Verdict, db: Database, twins: tuple[Twin, Twin], each: dict[str, Any]
) -> None:
    offline, online = twins
    inputs = _translated(each["inputs"], offline, online)
    inputs.pop("photos", None)
    fact = Fact(each["id"], each["flow"], each["action"], inputs)
    refused = tell(db, online.worker_id, online.device_id, fact)
    what = f"{each['flow']} {each['action']}"
    found.counts[f"{what} {'refused' if refused else 'booked'}"] += 1
    asked = bool(refused) and what != "count finish"  # which nobody has to decide about
    if bool(each["conflict"]) != asked:
        found.wrong.append(f"{what} is {each}, online {refused or 'booked'}: a conflict or not?")
    if (each["state"] == "sent") == bool(refused):
        found.wrong.append(f"{what} is {each['state']}, online it is {refused or 'booked'}")


def _translated(inputs: dict[str, Any], offline: Twin, online: Twin) -> dict[str, Any]:
    text = json.dumps(inputs)
    for name, value in offline.ids.items():
        text = text.replace(value, online.ids[name])
    made: dict[str, Any] = json.loads(text.replace(offline.prefix, online.prefix))
    return made


def _compare_books(conn: Connection, found: Verdict, offline: Twin, online: Twin) -> None:
    one, two = (_balances(conn, twin) for twin in (offline, online))
    if one != two:
        found.wrong.append(f"books differ: only offline {one - two}, only online {two - one}")
    moved = [_moves(conn, twin) for twin in (offline, online)]
    if moved[0] != moved[1]:
        found.wrong.append(f"{moved[0]} moves, online {moved[1]}")
    found.counts["moves"] += moved[0]


def _balances(conn: Connection, twin: Twin) -> set[tuple[str, str, str, str, int, int]]:
    rows = on_hand(conn, warehouse_id=twin.warehouse_id, limit=LIMIT)
    cut = len(twin.prefix)
    return {
        (
            row.item_code[cut:],
            row.location_code[cut:],
            row.lot_code or "",
            row.status,
            row.on_hand,
            row.reserved,
        )
        for row in rows
    }


def _moves(conn: Connection, twin: Twin) -> int:
    here = select(locations.c.id).where(locations.c.warehouse_id == twin.warehouse_id)
    inside = or_(moves.c.from_location.in_(here), moves.c.to_location.in_(here))
    return int(conn.execute(select(func.count()).select_from(moves).where(inside)).scalar_one())


def _conflicts(conn: Connection, found: Verdict, twin: Twin, done: list[dict[str, Any]]) -> None:
    here = Filters(kinds=("conflict",), warehouse_ids=frozenset({twin.warehouse_id}))
    asked = Counter(view.task.id for view in board(conn, here, limit=LIMIT).tasks)
    handed = Counter(each["conflict"] for each in done if each["conflict"])
    if asked != handed:
        found.wrong.append(f"conflict tasks {asked}, told to the device {handed}")
    silent = [
        each for each in done if each["state"] not in ("sent", "abandoned") and not each["conflict"]
    ]
    if silent:
        found.wrong.append(f"neither booked, nor asked, nor given up: {silent}")
    found.counts["conflicts"] += sum(handed.values())
    by = log.Filter(verb=VERB, actor=f"person:{twin.worker_id}")
    recorded = Counter(line.thing.rpartition(":")[2] for line in log.search(conn, by))
    given_up = Counter(each["id"] for each in done if each["state"] == "abandoned")
    if recorded != given_up:
        found.wrong.append(f"given up {given_up}, on record {recorded}")


def _photos(conn: Connection, found: Verdict, report: dict[str, Any]) -> None:
    wanted = [each["file"] for each in report["photos"]]
    query = select(attachments.c.file_id).where(attachments.c.file_id.in_(wanted))
    hung = set(conn.execute(query).scalars())
    for each in report["photos"]:
        if each["state"] != "done" or each["file"] not in hung:
            found.wrong.append(f"photo {each} hangs nowhere")
    files = [each["file"] for each in report["photos"]]
    if len(set(files)) != len(files):
        found.wrong.append(f"photos share a file: {files}")
    found.counts["photos"] += len(files)
