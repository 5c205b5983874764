"""The auditor of goods out: adds up orders, walks, boxes and the stage from raw rows, by itself.

What is wanted is sent, cut, promised or missing; what stands in the stage was picked and has not
left; nobody waits for a task that does not exist. Shares no rule with core.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tests.simulation.day import Day
from tests.simulation.facts import Fact

Row = dict[str, Any]
Rows = dict[str, list[Row]]
LIVE = ("open", "claimed", "snoozed", "paused")
TABLES = (
    "sale_order", "sale_line", "wave", "pick_line", "package", "package_line", "put_back",
    "lot",
)  # fmt: skip


def sales(day: Day, rows: Rows) -> Iterator[str]:
    """Everything about goods out that does not fit, one sentence each."""
    paper = Paper(rows)
    yield from _lines(paper)
    yield from _orders(paper)
    yield from _walks(paper)
    yield from _stage(day, paper)
    yield from _moves(day, paper)
    yield from _as_asked(day, paper)
    yield from _nobody_waits(day, paper)
    yield from _goods_for_whoever_waits(day, paper)


class Paper:
    """The rows, and what they add up to."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.orders = {row["id"]: row for row in rows["sale_order"]}
        self.lines: dict[str, list[Row]] = defaultdict(list)
        for line in rows["sale_line"]:
            self.lines[line["sale_id"]].append(line)
        self.stops: dict[str, list[Row]] = defaultdict(list)  # by line
        for stop in rows["pick_line"]:
            self.stops[stop["sale_line_id"]].append(stop)
        state = {box["id"]: box["state"] for box in rows["package"]}
        self.boxed: Counter[tuple[str, str]] = Counter()  # (line, state of the box)
        self.left: Counter[tuple[str, int, int]] = Counter()  # (order, item, lot), handed over
        order_of = {box["id"]: box["sale_id"] for box in rows["package"]}
        for each in rows["package_line"]:
            box = each["package_id"]
            self.boxed[each["sale_line_id"], state[box]] += each["quantity"]
            if state[box] == "shipped":
                self.left[order_of[box], each["item_id"], each["lot_id"]] += each["quantity"]
        parts: Counter[int] = Counter()
        for part in rows["reservation_part"]:
            parts[part["reservation_id"]] += part["remaining"]
        self.promised: Counter[str] = Counter()
        for each in rows["reservation"]:
            if each["state"] == "open":
                self.promised[each["for_doc"]] += parts[each["id"]]

    def is_over(self, order: str) -> bool:
        return self.orders[order]["state"] in ("shipped", "cancelled")


def _lines(paper: Paper) -> Iterator[str]:
    for line in paper.rows["sale_line"]:
        mine = paper.stops[line["id"]]
        for what in ("picked", "packed"):
            if line[what] != sum(stop[what] for stop in mine):
                yield f"sale line {line}: its stops make {what} {[stop[what] for stop in mine]}"
        packed, shipped = (paper.boxed[line["id"], state] for state in ("packed", "shipped"))
        if (line["packed"], line["shipped"]) != (packed + shipped, shipped):
            yield f"sale line {line}: boxes hold {packed} and {shipped} have left"
        ways = [line[key] for key in ("returned", "shipped", "packed", "picked")]
        if sorted(ways) != ways or line["picked"] + line["cut"] > line["quantity"]:
            yield f"sale line is out of order: {line}"
        promised = paper.promised[f"sale_line:{line['id']}"]
        left = line["quantity"] - line["cut"] - line["picked"]
        if left != promised + line["missing"]:
            yield f"sale line {line}: {left} wanted, {promised} promised"
        if paper.is_over(line["sale_id"]) and left:
            yield f"sale line is over and wants {left}: {line}"


def _orders(paper: Paper) -> Iterator[str]:
    for order in paper.rows["sale_order"]:
        lines = paper.lines[order["id"]]
        stops = [stop for line in lines for stop in paper.stops[line["id"]]]
        total = {
            key: sum(line[key] for line in lines)
            for key in ("quantity", "cut", "picked", "packed", "shipped")
        }
        if any(stop["state"] == "open" for stop in stops):
            state = "picking"
        elif total["picked"] > total["packed"]:
            state = "picked"
        elif total["packed"] > total["shipped"]:
            state = "packed"
        elif total["quantity"] > total["cut"] + total["picked"]:
            state = "open"
        else:
            state = "shipped" if total["shipped"] else "cancelled"
        if order["state"] != state:
            yield f"order {order['code']} is {order['state']}, its lines say {state}"


def _walks(paper: Paper) -> Iterator[str]:
    here: dict[str, list[Row]] = defaultdict(list)
    parts = {row["id"]: row["remaining"] for row in paper.rows["reservation_part"]}
    for stop in paper.rows["pick_line"]:
        here[stop["wave_id"]].append(stop)
        # Of an order that was given up, a stop keeps what had left.
        full = stop["picked"] == stop["quantity"] or paper.is_over(stop["sale_id"])
        if not 0 <= stop["packed"] <= stop["picked"] <= stop["quantity"]:
            yield f"stop is out of order: {stop}"
        if stop["state"] == ("open" if full else "picked"):
            yield f"stop is not {stop['state']}: {stop}"
        if stop["state"] in ("short", "cancelled") and parts.get(stop["part_id"], 0):
            yield f"stop is over and its goods are still promised: {stop}"
        # What a held lot took away shows at the stop when somebody stands before it.
        if stop["state"] == "open" and parts.get(stop["part_id"], 0) > stop["quantity"]:
            yield f"stop has more promised than it is for: {stop}"
    for wave in paper.rows["wave"]:
        is_open = any(stop["state"] == "open" for stop in here[wave["id"]])
        if is_open != (wave["state"] == "open"):
            yield f"walk {wave['code']} is {wave['state']}: {here[wave['id']]}"


def _stage(day: Day, paper: Paper) -> Iterator[str]:
    """What stands at the door, by paper and by balance."""
    house = {order["id"]: order["warehouse_id"] for order in paper.rows["sale_order"]}
    should: Counter[tuple[int, int, int]] = Counter()
    for stop in paper.rows["pick_line"]:
        should[house[stop["sale_id"]], stop["item_id"], stop["lot_id"]] += stop["picked"]
    for (order, item, lot), quantity in paper.left.items():
        should[house[order], item, lot] -= quantity
    for row in paper.rows["put_back"]:  # picked for an order that was given up
        if not 0 <= row["done"] <= row["quantity"]:
            yield f"more was put back than waited: {row}"
        should[row["warehouse_id"], row["item_id"], row["lot_id"]] += row["quantity"] - row["done"]
    stages = {day.shop.places[f"{name}-OUT"]: number for name, number in day.shop.houses.items()}
    for row in paper.rows["balance"]:
        if row["location_id"] in stages:
            key = (stages[row["location_id"]], row["item_id"], row["lot_id"])
            should[key] -= row["on_hand"]
    for key, missing in should.items():
        if missing:
            yield f"at the door of house {key[0]}, item {key[1]}, lot {key[2]}: {missing} too few"


def _moves(day: Day, paper: Paper) -> Iterator[str]:
    """What left and what came back, by moves and by paper."""
    doc = {row["id"]: row["doc"] for row in paper.rows["posting"]}
    out = day.shop.places["CUSTOMER"]
    moved: Counter[tuple[str, str, int]] = Counter()
    for move in paper.rows["move"]:
        kind, _, order = doc[move["posting_id"]].partition(":")
        if kind == "sale" and move["to_location"] == out:
            moved["shipped", order, move["item_id"]] += move["quantity"]
        elif kind == "sale" and move["from_location"] == out:
            moved["returned", order, move["item_id"]] += move["quantity"]
    for line in paper.rows["sale_line"]:
        for what in ("shipped", "returned"):
            moved[what, line["sale_id"], line["item_id"]] -= line[what]
    for key, rest in moved.items():
        if rest:
            yield f"{key[0]} by moves, not by paper: order {key[1]}, item {key[2]}: {rest}"


def _as_asked(day: Day, paper: Paper) -> Iterator[str]:
    """Whoever was answered finds it in the books, once."""
    by_op = {row["op_id"]: row for row in paper.rows["sale_order"]}
    moved = _moved_by(paper)
    for fact in day.heard.facts:
        if fact.verb == "sell" and fact.state in ("done", "refused"):
            yield from _sold(fact, by_op.get(fact.op), paper)
        if fact.state == "done":
            if fact.verb == "cancel sale" and not paper.is_over(fact.ask["sale_id"]):
                yield f"cancel sale {fact.op} was answered, the order goes on"
            asked, done = _both(day, fact, moved[fact.op])
            if asked != done:
                yield f"{fact.verb} {fact.op}: asked {asked}, moved {done}"


def _both(day: Day, fact: Fact, made: list[Row]) -> tuple[int, int]:
    """What was asked for, and what moved; for other verbs nothing."""
    place = day.shop.places
    stages = [place[f"{name}-OUT"] for name in day.shop.houses]
    match fact.verb:
        case "pick":
            return fact.answer["quantity"], _to(made, *stages)
        case "short":
            return fact.ask["found"], _to(made, *stages)
        case "ship":
            return fact.answer["quantity"], _to(made, place["CUSTOMER"])
        case "customer return":
            back = [row["quantity"] for row in made if row["from_location"] == place["CUSTOMER"]]
            return fact.ask["quantity"], sum(back)
        case "supplier return":
            return fact.ask["quantity"], _to(made, place["SUPPLIER"])
        case "scrap":
            return fact.ask["quantity"], _to(made, place["SCRAP"])
    return 0, 0


def _moved_by(paper: Paper) -> dict[str, list[Row]]:
    op = {row["id"]: row["op_id"].partition(":")[0] for row in paper.rows["posting"]}
    found: dict[str, list[Row]] = defaultdict(list)
    for move in paper.rows["move"]:
        found[op[move["posting_id"]]].append(move)
    return found


def _to(made: list[Row], *places: int) -> int:
    return sum(row["quantity"] for row in made if row["to_location"] in places)


def _sold(fact: Fact, order: Row | None, paper: Paper) -> Iterator[str]:
    if (fact.state == "done") != (order is not None):
        yield f"sell {fact.op} was {fact.state}, the order is there: {order is not None}"
    if order is not None:
        first = [line for line in paper.lines[order["id"]] if not line["instead_of"]]
        wanted = [(line["item_id"], line["quantity"]) for line in fact.ask["lines"]]
        if sorted((line["item_id"], line["quantity"]) for line in first) != sorted(wanted):
            yield f"sell {fact.op} asked for {wanted}, the order has {first}"


def _nobody_waits(day: Day, paper: Paper) -> Iterator[str]:
    """Whatever must be done next is somebody's task, once."""
    live: Counter[tuple[str, str]] = Counter()
    for task in paper.rows["task"]:
        if task["state"] in LIVE:
            live[task["kind"], task["subject"]] += 1
    for order in paper.rows["sale_order"]:
        for state, kind in (("picked", "pack"), ("packed", "ship")):
            if order["state"] == state and not live[kind, f"sale:{order['id']}"]:
                yield f"order {order['code']} is {state} and nobody has the task"
    yield from _nobody_asks_twice(day, paper, live)
    for row in paper.rows["put_back"]:
        if row["done"] < row["quantity"] and not live["put_back", f"sale:{row['sale_id']}"]:
            yield f"nobody is asked to put back {row}"
    tasks = {task["id"]: task["state"] for task in paper.rows["task"]}
    for wave in paper.rows["wave"]:
        if wave["state"] == "open" and tasks.get(wave["task_id"]) not in LIVE:
            yield f"walk {wave['code']} is open and nobody walks"


def _nobody_asks_twice(day: Day, paper: Paper, live: Counter[tuple[str, str]]) -> Iterator[str]:
    # Nobody heard how some reopening ended: it may have opened the question again.
    again = any(
        each.verb == "reopen" and each.state in ("done", "gone") for each in day.heard.facts
    )
    for line in paper.rows["sale_line"]:
        asked = live["shortage", f"sale_line:{line['id']}"]
        if asked > 1 or (asked and not line["missing"] and not again):
            yield f"{asked} questions about what is missing on {line}"


def _goods_for_whoever_waits(day: Day, paper: Paper) -> Iterator[str]:
    """Nothing is missing on an order while it lies free in a bin of its house."""
    bins = {day.shop.places[name]: day.shop.houses[name[:2]] for name in day.shop.bins}
    lots = {row["id"]: row for row in paper.rows["lot"]}
    free: dict[tuple[int, int], list[tuple[str, int]]] = defaultdict(list)  # (last day, how much)
    for row in paper.rows["balance"]:
        lot = lots.get(row["lot_id"])
        good = row["status"] == "ok" and row["owner_id"] == 0 and (not lot or lot["state"] == "ok")
        if good and row["location_id"] in bins:
            last = (lot and lot["expires_on"]) or "9999-12-31"
            much = row["on_hand"] - row["reserved"]
            free[bins[row["location_id"]], row["item_id"]].append((last, much))
    for line in paper.rows["sale_line"]:
        order = paper.orders[line["sale_id"]]
        here = free[order["warehouse_id"], line["item_id"]]
        lies = sum(much for last, much in here if last >= order["ship_on"])
        if line["missing"] and lies > 0:
            yield f"{line['missing']} is missing on {order['code']} while {lies} lies free: {line}"
