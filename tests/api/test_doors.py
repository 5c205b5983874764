"""Every route declares who may pass, and keeps its word for every role and every thing.

The matrix is generated from the routes themselves: a new route without a case here fails.
"""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Mount, Route, WebSocketRoute

from api.doors import Door, Public, WriteDoor, door_of
from api.main import create_app
from core.config import Settings
from core.people import VERBS
from tests.api.room import STAFF, Room

# Sockets prove themselves in their first frame or by cookie (tests/pda/test_door.py).
SOCKETS = {"/ws/pda", "/ws/desk"}
PAGES = {"/", "/pda"}

# Writes whose answer is a secret that must not be kept, or that change nothing that could repeat.
WITHOUT_KEY = {
    ("POST", "/api/session"),
    ("DELETE", "/api/session"),
    ("POST", "/api/people/{person_id}/tokens"),
    ("POST", "/api/people/{person_id}/chats/code"),
    ("POST", "/api/devices/codes"),
    ("POST", "/api/devices/codes/qr"),
    ("POST", "/api/devices/enrol"),
    ("POST", "/api/tasks/{task_id}/portal-link"),
    ("POST", "/api/prove"),
    ("POST", "/api/labels"),  # it makes a file, nothing is written
}


def routes() -> list[tuple[str, APIRoute]]:
    """Every HTTP route of the product with its full path."""
    app = create_app(Settings(database_url="sqlite:////tmp/jieli-never-opened.db", _env_file=None))
    app.state.jieli.db.close()
    found = []
    for context in iter_route_contexts(app.routes):
        route: Any = context.original_route
        if isinstance(route, WebSocketRoute):
            assert route.path in SOCKETS, f"{route.path}: a socket nobody declared"
        elif isinstance(route, Mount) or type(route) is Route:
            assert route.path in PAGES, f"{route.path}: a page nobody declared"
        else:
            assert isinstance(route, APIRoute), f"{route}: not a kind of route we know"
            assert context.path is not None
            found.append((context.path, route))
    return found


def test_no_request_waits_for_routes_to_be_worked_out_for_this_app() -> None:
    """An included router works out all its routes in the first request that comes."""
    one, other = (
        create_app(Settings(database_url="sqlite:////tmp/jieli-never-opened.db", _env_file=None))
        for _ in range(2)
    )
    for app in (one, other):
        app.state.jieli.db.close()
    of_both = [each for each in one.routes if each in other.routes]
    assert {route.path for _, route in ROUTES} == {
        each.path for each in of_both if isinstance(each, APIRoute)
    }


ROUTES = routes()
CASES = [
    pytest.param(method, path, route, id=f"{method} {path}")
    for path, route in ROUTES
    for method in sorted(route.methods or ())
]


def doors_of(route: APIRoute) -> list[Any]:
    """Every dependency of a route, and the door it calls by hand."""
    by_hand = getattr(route.endpoint, "door", None)
    return [each.call for each in route.dependant.dependencies] + [by_hand]


@pytest.mark.parametrize(("method", "path", "route"), CASES)
def test_every_route_declares_who_may_pass(method: str, path: str, route: APIRoute) -> None:
    declared = door_of(route)
    assert declared, f"{method} {path} declares no permission: use allow, writes or public"
    assert declared in VERBS or declared.startswith("public: ")
    assert sum(isinstance(door, Door | Public) for door in doors_of(route)) == 1


@pytest.mark.parametrize(("method", "path", "route"), CASES)
def test_every_write_asks_for_an_operation_id(method: str, path: str, route: APIRoute) -> None:
    if method == "GET" or not path.startswith("/api/"):
        return
    has_key = any(isinstance(door, WriteDoor) for door in doors_of(route))
    assert has_key != ((method, path) in WITHOUT_KEY)


@pytest.mark.parametrize(("method", "path", "route"), CASES)
def test_every_handler_says_what_it_does(method: str, path: str, route: APIRoute) -> None:
    assert (route.endpoint.__doc__ or "").strip(), f"{method} {path} has no docstring"


def filled(path: str, room: Room) -> str:
    """`path` with ids of things that exist, where the seed has one."""
    ids = room.ids
    return path.replace(":path", "").format_map(
        {
            "person_id": ids.people["viewer"],
            "device_id": 1,
            "item_id": ids.items["BOLT"],
            "lot_id": 1,
            "code": "cn",
            "year": 2026,
            "warehouse_id": ids.warehouses["N"],
            "location_id": ids.places["N-A1"],
            "partner_id": ids.partners["ACME"],
            "op_id": "opening-N",
            "reservation_id": 1,
            "order_id": ids.orders["N"],
            "receipt_id": "0" * 32,
            "inspection_id": "0" * 32,
            "transfer_id": "0" * 32,
            "count_id": "0" * 32,
            "task_id": "0" * 32,
            "file_id": "0" * 32,
            "message_id": "0" * 32,
            "leave_id": 1,
            "subject": "posting:opening-N",
            "kind": "items",
            "shortcut": "urgent_transfer",
            "sale_id": "0" * 32,
            "wave_id": "0" * 32,
            "other_id": 1,
        }
    )


PRIVATE: dict[str, list[tuple[str, str]]] = {}
for _path, _route in ROUTES:
    if not door_of(_route).startswith("public: "):
        for _method in sorted(_route.methods or ()):
            PRIVATE.setdefault(door_of(_route), []).append((_method, _path))


async def knock(room: Room, login: str, method: str, path: str) -> int:
    """The status of an empty request; 422 and 404 mean that the door let it in."""
    headers = room.auth(login) | {"Idempotency-Key": room.key()}
    body: dict[str, Any] | None = None if method == "GET" else {}
    answer = await room.http.request(method, filled(path, room), json=body, headers=headers)
    assert answer.status_code < 500, answer.text
    if answer.status_code == 403:
        assert answer.json()["code"] == "forbidden"
    if answer.status_code == 401:  # an earlier knock was "sign everybody out"
        room.forget(login)
        return await knock(room, login, method, path)
    return answer.status_code


@pytest.mark.parametrize("verb", sorted(PRIVATE))
async def test_each_role_passes_exactly_the_doors_of_its_verbs(room: Room, verb: str) -> None:
    """Twelve people × every route. A role without the verb gets 403, whatever it sends."""
    for method, path in PRIVATE[verb]:
        for login, (role, _, _) in STAFF.items():
            status = await knock(room, login, method, path)
            if role not in VERBS[verb]:
                assert status == 403, f"{login} passed {method} {path}"
            elif role == "admin" and not verb.startswith("task."):
                assert status != 403, f"{login} was refused at {method} {path}"


async def test_nobody_passes_without_a_token(room: Room) -> None:
    for doors in PRIVATE.values():
        for method, path in doors:
            answer = await room.http.request(method, filled(path, room))
            assert answer.status_code == 401, f"{method} {path}"
            assert answer.json()["code"] == "signed_out"


# -- things: own, another warehouse's, another supplier's -----------------------------------------
async def test_a_person_of_the_north_reads_only_the_norths_orders(room: Room) -> None:
    listed = await room.ask("north", "/api/orders")
    assert [each["code"] for each in listed["items"]] == ["PO-N"]
    assert len((await room.ask("buyer", "/api/orders"))["items"]) == 2
    for login, theirs, others in (("north", "N", "S"), ("south", "S", "N")):
        own = f"/api/orders/{room.ids.orders[theirs]}"
        assert (await room.get(login, own)).status_code == 200
        assert (await room.get(login, f"/api/orders/{room.ids.orders[others]}")).status_code == 403


async def test_a_supplier_reads_only_its_own_orders(room: Room) -> None:
    for login, theirs, others in (("supplier", "N", "S"), ("rival", "S", "N")):
        assert (await room.get(login, f"/api/orders/{room.ids.orders[theirs]}")).status_code == 200
        assert (await room.get(login, f"/api/orders/{room.ids.orders[others]}")).status_code == 403
    assert (await room.get("supplier", "/api/orders")).status_code == 403, "no list for suppliers"


async def test_a_person_of_the_north_does_not_see_or_touch_stock_of_the_south(room: Room) -> None:
    seen = await room.ask("north", "/api/stock")
    assert {each["location_code"] for each in seen["items"]} == {"N-A1"}
    south = room.ids.warehouses["S"]
    for path, query in (
        ("/api/open-lines", {"warehouse_id": south}),
        ("/api/waiting-lines", {"warehouse_id": south}),
        (f"/api/items/{room.ids.items['BOLT']}/promise", {"warehouse_id": south}),
    ):
        assert (await room.get("north", path, **query)).status_code == 403, path


def southern_writes(room: Room) -> list[tuple[str, dict[str, Any]]]:
    """Writes of every kind that touch only the southern warehouse."""
    ids = room.ids
    bolt, south = ids.items["BOLT"], ids.warehouses["S"]
    a1, a2 = ids.places["S-A1"], ids.places["S-A2"]
    receipt = {"order_line_id": ids.lines["S"], "quantity": "1", "lot_code": "L1"}
    return [
        ("/api/postings", {"kind": "transfer", "lines": [room.line("1", "S-A1", "S-A2")]}),
        ("/api/postings/opening-S/reverse", {"reason": "x"}),
        ("/api/reservations", {"item_id": bolt, "quantity": "1", "warehouse_id": south}),
        ("/api/reservations", {"item_id": bolt, "quantity": "1", "location_ids": [a1]}),
        ("/api/moves", {"item_id": bolt, "quantity": "1", "from_location": a1, "to_location": a2}),
        ("/api/issues", {"item_id": bolt, "quantity": "1", "from_location": a1}),
        (
            "/api/returns",
            {"item_id": bolt, "quantity": "1", "to_location": a1, "reason": "退"},
        ),
        (
            "/api/putaways",
            {
                "item_id": bolt,
                "lot_id": 0,
                "quantity": "1",
                "from_location": ids.places["S-DOCK"],
                "to_location": a1,
            },
        ),
        ("/api/receipts", {"order_id": ids.orders["S"], "lines": [receipt]}),
        ("/api/receipts/combined", receipt),
        (
            "/api/receipts/rest",
            {"order_id": ids.orders["S"], "lot_codes": {}, "expires_on": {}},
        ),
        ("/api/counts", {"code": "C-1", "warehouse_id": south}),
    ]


async def test_a_person_of_the_north_cannot_write_in_the_south(room: Room) -> None:
    for path, body in southern_writes(room):
        answer = await room.send("north", path, body)
        assert answer.status_code == 403, f"{path}: {answer.status_code} {answer.text}"
    assert await room.on_hand("S-A1") == "1000"


async def test_the_same_writes_pass_for_a_person_of_the_south(room: Room) -> None:
    for path, body in southern_writes(room):
        answer = await room.send("south", path, body)
        assert answer.status_code != 403, f"{path}: {answer.text}"


async def test_a_task_is_read_and_answered_by_its_own_people_only(room: Room) -> None:
    mine = await room.task_of("supplier", "confirm_order")
    path = f"/api/tasks/{mine['id']}"
    press = {"action": mine["buttons"][0]["key"], "generation": mine["generation"]}
    assert (await room.get("supplier", path)).status_code == 200
    assert (await room.get("rival", path)).status_code == 403
    for login in ("rival", "buyer", "warehouse", "admin", "director"):
        assert (await room.send(login, f"{path}/act", press)).status_code == 403, login
    for verb, body in (
        ("comments", {"body": "?"}),
        ("snooze", {"until": "2026-03-03T09:00:00+08:00"}),
        ("pause", {"why": "x"}),
        ("hand-over", {"to_person": room.ids.people["rival"]}),
    ):
        assert (await room.send("rival", f"{path}/{verb}", body)).status_code == 403, verb
    assert (await room.send("supplier", f"{path}/act", press)).status_code == 200
