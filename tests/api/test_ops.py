"""For whoever runs it: alive, ready, figures, descriptions; and logs that keep secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from api.logs import blot_text, configure
from api.main import create_app
from core.clock import HOUR, MINUTE, ManualClock
from core.config import Settings
from core.migrations import run as migrations
from tests.api.room import HOST, Room


async def test_alive_without_asking_anything(room: Room) -> None:
    assert (await room.http.get("/healthz")).json() == {"ok": True}


async def test_not_ready_until_the_schema_is_the_newest(room: Room, tmp_path: Path) -> None:
    """The test database was made without migrations: exactly that is said."""
    answer = await room.http.get("/readyz")
    assert answer.status_code == 503
    checks = {each["name"]: each["ok"] for each in answer.json()["checks"]}
    well = ("database", "writing", "timers", "outbox", "disk")
    expected = dict.fromkeys(well, True) | {"schema": False}
    assert checks == expected


async def test_ready_after_migrating(tmp_path: Path, clock: ManualClock) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'm.db'}", engine=False, _env_file=None)
    app = create_app(settings, clock)
    migrations.upgrade(app.state.jieli.db)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as http:
            answer = await http.get("/readyz")
    assert answer.status_code == 200, answer.text


async def test_an_overdue_timer_makes_it_not_ready(room: Room) -> None:
    room.clock.advance(400 * HOUR)
    answer = await room.http.get("/readyz")
    checks = {each["name"]: each for each in answer.json()["checks"]}
    assert not checks["timers"]["ok"]
    await room.jieli.engine.drain()
    again = {each["name"]: each for each in (await room.http.get("/readyz")).json()["checks"]}
    assert again["timers"]["ok"]


async def test_metrics_count_postings_and_lateness(room: Room) -> None:
    body = {"kind": "transfer", "lines": [room.line("1")]}
    for _ in range(3):
        await room.do("warehouse", "/api/postings", body)
    room.clock.advance(400 * HOUR)
    page = (await room.http.get("/metrics")).text
    assert "jieli_postings_total 3.0" in page
    overdue = next(
        line for line in page.splitlines() if line.startswith("jieli_timer_oldest_overdue_seconds ")
    )
    assert float(overdue.split()[1]) > 0
    await room.jieli.engine.drain()
    page = (await room.http.get("/metrics")).text
    count = next(
        line for line in page.splitlines() if line.startswith("jieli_timer_lag_seconds_count")
    )
    assert float(count.split()[1]) > 0
    assert "jieli_sockets" in page


@pytest.mark.parametrize("path", ["/metrics", "/docs", "/openapi.json"])
@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.0.0.8", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 403),
        ("10.0.0.8", {"Authorization": "Bearer figures-please"}, 200),
        ("10.0.0.8", {"Authorization": "Bearer wrong"}, 403),
    ],
)
async def test_operators_pages_are_for_the_machine_or_the_token(
    room: Room, path: str, peer: str, headers: dict[str, str], status: int
) -> None:
    room.jieli.settings.metrics_token = SecretStr("figures-please")
    transport = httpx.ASGITransport(room.app, client=(peer, 1234))
    async with httpx.AsyncClient(transport=transport, base_url=HOST) as http:
        answer = await http.get(path, headers=headers)
    assert answer.status_code == status


async def test_the_docs_page_lists_every_route_with_its_permission(room: Room) -> None:
    page = (await room.http.get("/docs")).text
    for words in ("/api/postings", "stock.post", "Move stock: one to many lines"):
        assert words in page
    assert "who has some of them and gets no card" in page  # a sentence of two lines, whole


async def test_prove_why_and_engine(room: Room) -> None:
    proof = await room.do("admin", "/api/prove")
    assert proof["ok"]
    assert proof["postings"] >= 2
    task = await room.task_of("warehouse", "receive")
    why = await room.ask("warehouse", f"/api/tasks/{task['id']}/why")
    assert why["steps"]
    engine = await room.ask("admin", "/api/engine")
    assert "escalation" in {each["name"] for each in engine["steps"]}


def test_the_laptops_secret_is_refused_behind_tls(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    with pytest.raises(RuntimeError, match="JIELI_SECRET"):
        create_app(Settings(database_url=url, tls=True, _env_file=None))


async def test_behind_tls_the_cookie_is_bound_to_the_host(
    settings: Settings, clock: ManualClock
) -> None:
    from tests.api.room import PASSWORD

    strict = settings.model_copy(update={"tls": True, "secret": SecretStr("x" * 40)})
    app = create_app(strict, clock)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as http:
            who = {"login": "admin", "password": PASSWORD}
            answer = await http.post("/api/session", json=who, headers={"Origin": HOST})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-jieli=")
    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert "strict-transport-security" in answer.headers


@pytest.mark.parametrize(
    "text",
    [
        "GET /portal/WyIwMTIzNDU2Nzg5Il0.canary-secret HTTP/1.1",
        "authorization: Bearer canary-secret-token",
        "https://qyapi/cgi-bin/gettoken?corpid=ww1&corpsecret=canary-secret",
        "https://qyapi/cgi-bin/message/send?access_token=canary-secret",
    ],
)
def test_secrets_are_blotted_by_their_looks(text: str) -> None:
    assert "canary" not in blot_text(text)


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """The root logger writing our JSON lines to memory."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    configure(as_json=True)
    stream = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers, root.level = before, level


def test_secrets_are_blotted_by_their_names(log_lines: io.StringIO) -> None:
    secrets = {"password": "canary-1", "api_token": "canary-2", "cookie": "canary-3"}
    logging.getLogger("api").info("signed_in", extra={**secrets, "person": 7})
    line = json.loads(log_lines.getvalue())
    assert line["event"] == "signed_in"
    assert line["person"] == 7
    assert "canary" not in log_lines.getvalue()


async def test_a_refused_request_is_one_line_with_its_id(
    room: Room, log_lines: io.StringIO
) -> None:
    answer = await room.http.get("/portal/canary-token-value?secret=canary")
    assert answer.status_code == 403
    lines = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    request = next(line for line in lines if line["event"] == "request")
    assert request["status"] == 403
    assert request["request_id"] == answer.headers["x-request-id"]
    assert "canary" not in log_lines.getvalue()


async def test_the_engine_runs_with_the_app_and_stops_with_it(
    settings: Settings, clock: ManualClock
) -> None:
    running = settings.model_copy(update={"engine": True})
    app = create_app(running, clock)
    async with app.router.lifespan_context(app):
        pass
    clock.advance(MINUTE)
    assert not app.state.jieli.db.is_open
