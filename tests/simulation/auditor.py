"""The independent auditor: hears what people asked and were answered, then reads the raw tables.

Shares no rule with core: it adds up moves, promises and papers by itself and says in a sentence
what does not fit. Tasks and cards are in audit_tasks.py and audit_cards.py.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Any

from sqlalchemy import Connection, text

from tests.simulation.audit_cards import cards
from tests.simulation.audit_people import asked
from tests.simulation.audit_sales import TABLES as SALES
from tests.simulation.audit_sales import sales
from tests.simulation.audit_tasks import tasks
from tests.simulation.day import Day
from tests.simulation.facts import Fact, parsed

Row = dict[str, Any]
TABLES = (
    "posting", "move", "balance", "reservation", "reservation_part", "purchase_line",
    "receipt_line", "inspection", "transfer", "transfer_line", "transfer_load", "event", "task",
    "timer", "assignment", "message", "surface", "calendar_day",
    "audit", "leave", *SALES,
)  # fmt: skip
JSON = frozenset(
    (
        "payload",
        "people",
        "policy",
        "surfaces",
        "card",
        "next",
        "handle",
        "audience",
        "context",
        "before",
        "after",
    )
)
SOON = 10_000_000
SHELVES = ("bin", "dock", "transit")  # where nothing may be missing
MUST_POST = frozenset(
    ("receive line", "receive", "inspect", "put away", "move", "issue", "return", "fulfil",
     "reverse", "receive transfer")
)  # fmt: skip


class Books:
    """Every row of the tables that matter, as plain dicts."""

    def __init__(self, conn: Connection) -> None:
        self.rows = {name: _read(conn, name) for name in TABLES}
        self.kinds = {row["id"]: row["kind"] for row in _read(conn, "location")}

    def __getitem__(self, name: str) -> list[Row]:
        return self.rows[name]


def _read(conn: Connection, name: str) -> list[Row]:
    found = [dict(row) for row in conn.execute(text(f"SELECT * FROM {name}")).mappings()]  # noqa: S608
    for row in found:
        for key in JSON & row.keys():
            row[key] = parsed(row[key])
    return found


def audit(day: Day, conn: Connection) -> list[str]:
    """Everything that is wrong at the end of the day, one sentence each."""
    books = Books(conn)
    return list(
        chain(
            answers(day),
            moves_make_balances(books),
            promises(day, books),
            requests_and_postings(day, books),
            papers(day, books),
            sales(day, books.rows),
            tasks(day, books.rows),
            asked(day, books.rows),
            cards(day, books.rows),
        )
    )


def answers(day: Day) -> Iterator[str]:
    """The same request, however often it came, has one answer."""
    for fact in day.heard.facts:
        if any(each != fact.answer for each in fact.answers):
            yield f"{fact.verb} {fact.op} got different answers: {fact.answers}"
        if fact.taken_back:
            yield f"{fact.verb} {fact.op} was answered, its repeat was refused: {fact.taken_back}"


def moves_make_balances(books: Books) -> Iterator[str]:
    made: Counter[tuple[Any, ...]] = Counter()
    for row in books["move"]:
        goods = (row["item_id"], row["lot_id"])
        made[*goods, row["from_location"], row["from_status"], row["owner_id"]] -= row["quantity"]
        made[*goods, row["to_location"], row["to_status"], row["to_owner_id"]] += row["quantity"]
    held = {
        (r["item_id"], r["lot_id"], r["location_id"], r["status"], r["owner_id"]): r["on_hand"]
        for r in books["balance"]
    }
    for key in made.keys() | held.keys():
        if made[key] != held.get(key, 0):
            yield f"balance {key} is {held.get(key, 0)}, its moves make {made[key]}"
    for row in books["balance"]:
        if books.kinds[row["location_id"]] in SHELVES and row["on_hand"] < row["reserved"]:
            yield f"more promised than there is: {row}"


def promises(day: Day, books: Books) -> Iterator[str]:
    """Reservations: what balances say, what requests drew, and that none outlives its time."""
    parts: Counter[int] = Counter()
    promised: Counter[int] = Counter()
    for part in books["reservation_part"]:
        parts[part["reservation_id"]] += part["remaining"]
        promised[part["balance_id"]] += part["remaining"]
    for row in books["balance"]:
        if promised[row["id"]] != row["reserved"]:
            yield f"balance {row['id']}: reserved {row['reserved']}, promised {promised[row['id']]}"
    drawn: Counter[int] = Counter()
    for fact in day.heard.done("fulfil"):
        drawn[fact.ask["reservation"]] += fact.ask["quantity"]
    broken = _broken(books)
    yield from _broken_by_holds(books, broken)
    gone = [each for each in day.heard.facts if each.verb == "fulfil" and each.state == "gone"]
    unsure = {each.ask["reservation"] for each in gone}
    for row in books["reservation"]:
        number, is_open = row["id"], row["state"] == "open"
        if row["for_doc"]:  # a paper's own; audit_sales adds up what the paper says
            continue
        left = row["quantity"] - drawn[number] - broken[number]
        if parts[number] != row["remaining"] * is_open:
            yield f"reservation {number} has {parts[number]} in parts: {row}"
        if left < 0 or (is_open and number not in unsure and row["remaining"] != left):
            yield f"reservation {number} should have {left}: {row}"
        if is_open and (row["expires_at"] or day.now) < day.now - SOON:
            yield f"reservation {number} ran out and is still open: {row}"
    yield from _promises_as_asked(day, {row["op_id"] for row in books["reservation"]})


def _broken(books: Books) -> Counter[int]:
    """How much of each promise was taken back."""
    found: Counter[int] = Counter()
    for event in books["event"]:
        if event["kind"] == "stock.reservation_broken":
            found[event["payload"]["reservation"]] += event["payload"]["quantity_micro"]
    return found


def _broken_by_holds(books: Books, broken: Counter[int]) -> Iterator[str]:
    """Only a held lot breaks a promise: nobody may have it."""
    held = [event["payload"] for event in books["event"] if event["kind"] == "stock.lot_held"]
    named = {number for payload in held for number in payload["broken"]}
    if named != set(broken):
        yield f"held lots broke the promises {sorted(named)}, broken are {sorted(broken)}"


def _promises_as_asked(day: Day, made: set[str]) -> Iterator[str]:
    for fact in day.heard.facts:
        known = fact.verb == "reserve" and fact.state in ("done", "refused")
        if known and (fact.state == "done") != (fact.op in made):
            yield f"reserve {fact.op} was {fact.state}, and is there: {fact.op in made}"


def requests_and_postings(day: Day, books: Books) -> Iterator[str]:
    """Each posting was asked for once, each answer has its posting, each says what was asked."""
    asked = {fact.op: fact for fact in day.heard.facts}
    moves: dict[int, list[Row]] = defaultdict(list)
    for move in books["move"]:
        moves[move["posting_id"]].append(move)
    made: dict[str, list[Row]] = defaultdict(list)
    for posting in books["posting"]:
        name = re.sub(r"^d\d+:", "", posting["op_id"]).partition(":")[0]
        if name.startswith("opening-"):
            continue
        made[name] += [move | {"kind": posting["kind"]} for move in moves[posting["id"]]]
        if name not in asked:
            yield f"nobody asked for posting {posting['op_id']}"
        elif asked[name].state == "refused":
            yield f"{asked[name].verb} {name} was refused and posted: {posting}"
    for fact in day.heard.facts:
        if fact.state == "done" and fact.verb in MUST_POST and not made[fact.op]:
            yield f"{fact.verb} {fact.op} was answered and nothing was posted"
        if fact.verb in MUST_POST and made[fact.op]:
            yield from _as_asked(day, fact, made[fact.op])


def _as_asked(day: Day, fact: Fact, made: list[Row]) -> Iterator[str]:
    """The quantity that moved is the one that was asked for, once."""
    ask, place = fact.ask, day.shop.places
    match fact.verb:
        case "receive line":
            asked, moved = ask["quantity"], _sum(made, "from_location", place["SUPPLIER"])
        case "receive":
            asked = sum(line["quantity"] for line in ask["lines"])
            moved = _sum(made, "from_location", place["SUPPLIER"])
        case "inspect":
            asked, moved = ask["accepted"] + ask["rejected"], _sum(made, "kind", "inspect")
        case "put away" | "move" | "return":
            asked, moved = ask["quantity"], _sum(made, "to_location", ask["to_location"])
        case "issue":
            asked, moved = ask["quantity"], _sum(made, "from_location", ask["from_location"])
        case "fulfil":
            asked, moved = ask["quantity"], _sum(made, "to_location", place["CUSTOMER"])
        case _:
            return
    if asked != moved:
        yield f"{fact.verb} {fact.op}: asked {asked}, moved {moved}"


def _sum(made: list[Row], key: str, value: Any) -> int:
    return sum(row["quantity"] for row in made if row[key] == value)


def papers(day: Day, books: Books) -> Iterator[str]:
    """Orders, receipts and transfers say what the moves say."""
    received: Counter[str] = Counter()
    for row in books["receipt_line"]:
        received[row["order_line_id"]] += row["quantity"]
        if row["quantity"] != row["to_inspect"] + row["accepted"] + row["rejected"]:
            yield f"receipt line does not add up: {row}"
        if not (0 <= row["stocked"] <= row["accepted"] and 0 <= row["held"] <= row["rejected"]):
            yield f"receipt line has more shelved or held than there was: {row}"
    said: Counter[str] = Counter()
    for fact in day.heard.done("receive line"):
        said[fact.ask["order_line_id"]] += fact.ask["quantity"]
    for fact in day.heard.done("receive"):
        for line in fact.ask["lines"]:
            said[line["order_line_id"]] += line["quantity"]
    for row in books["purchase_line"]:
        if row["received"] != received[row["id"]]:
            yield f"order line {row}: its receipts make {received[row['id']]}"
        if received[row["id"]] < said[row["id"]]:
            yield f"order line {row['id']}: answered {said[row['id']]}, received {row['received']}"
    yield from _on_the_road(books)


def _on_the_road(books: Books) -> Iterator[str]:
    sent: Counter[str] = Counter()
    road: Counter[tuple[int, int]] = Counter()
    closed = {row["id"] for row in books["transfer"] if row["state"] == "closed"}
    for load in books["transfer_load"]:
        sent[load["line_id"]] += load["quantity"]
        if load["transfer_id"] in closed:  # what had not come is written off
            continue
        road[load["item_id"], load["lot_id"]] += load["quantity"] - load["received"]
    for row in books["transfer_line"]:
        if row["sent"] != sent[row["id"]]:
            yield f"transfer line {row['id']}: sent {row['sent']}, loads {sent[row['id']]}"
    for row in books["balance"]:
        if books.kinds[row["location_id"]] == "transit":
            road[row["item_id"], row["lot_id"]] -= row["on_hand"]
    for goods, missing in road.items():
        if missing:
            yield f"on the road by paper but not by moves: {goods} {missing}"
