"""Spans of requests: off by default, the hot route like every other, and no secret in any."""

from __future__ import annotations

import copy
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from api.main import create_app
from core.clock import ManualClock
from core.config import Settings
from tests.api.room import HOST, Ids, Room

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@asynccontextmanager
async def traced(
    settings: Settings, ids: Ids, clock: ManualClock, exporter: InMemorySpanExporter | None
) -> AsyncIterator[Room]:
    app = create_app(settings, clock, exporter=exporter)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as http:
            yield Room(app, copy.deepcopy(ids), http, clock)


class Spans:
    """What was exported, once the app has closed."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    @property
    def of_server(self) -> list[ReadableSpan]:
        return [each for each in self.all if each.kind is SpanKind.SERVER]

    def named(self, name: str) -> ReadableSpan:
        return next(each for each in self.of_server if each.name == name)


async def test_each_request_is_a_span_the_hot_route_too(
    settings: Settings, company: tuple[str, Ids], clock: ManualClock
) -> None:
    spans = Spans()
    async with traced(settings, company[1], clock, spans.exporter) as room:
        await room.do("warehouse", "/api/postings", {"kind": "transfer", "lines": [room.line("1")]})
        again = {"Authorization": "Bearer no-such-token", "traceparent": PARENT}
        await room.http.post("/api/postings", json={}, headers=again)
        await room.ask("admin", "/api/stock", location_id=room.ids.places["N-A1"])
        for quiet in ("/healthz", "/readyz", "/metrics"):
            await room.http.get(quiet)
    assert [(each.name, (each.attributes or {})["http.route"]) for each in spans.of_server] == [
        ("POST /api/postings", "/api/postings"),
        ("POST /api/postings", "/api/postings"),
        ("GET /api/stock", "/api/stock"),
    ]
    done, refused, _ = (dict(each.attributes or {}) for each in spans.of_server)
    assert done["http.response.status_code"] == 201
    assert refused["http.response.status_code"] == 401
    parent = spans.of_server[1].parent
    assert parent is not None
    assert f"{parent.trace_id:032x}" in PARENT, "the caller's trace goes on"
    assert spans.of_server[0].resource.attributes["service.name"] == "jieli"


async def test_no_secret_is_in_a_span(
    settings: Settings, company: tuple[str, Ids], clock: ManualClock
) -> None:
    spans = Spans()
    async with traced(settings, company[1], clock, spans.exporter) as room:
        await room.http.get("/portal/canary-token-value?secret=canary-2")
        await room.http.get("/callbacks/wecom", params={"msg_signature": "canary-3", "nonce": "x"})
        await room.http.post(
            "/api/session",
            json={"login": "admin", "password": "canary-4"},
            headers={"Origin": HOST, "Cookie": "jieli=canary-5", "X-Api-Key": "canary-6"},
        )
        await room.http.post(
            "/api/postings", json={"canary-7": 1}, headers={"Authorization": "Bearer canary-8"}
        )
    assert len(spans.of_server) == 4
    told = "".join(each.to_json() for each in spans.all)
    assert "canary" not in told
    assert "secret=***" in told
    assert "msg_signature=***&nonce=***" in told


async def test_it_is_off_by_default(
    settings: Settings, company: tuple[str, Ids], clock: ManualClock
) -> None:
    async with traced(settings, company[1], clock, None) as room:
        assert not room.app._native_telemetry.enabled()
        assert room.jieli.spans is None


def test_nobody_imports_the_sdk_for_nothing() -> None:
    code = "import sys, api.main; sys.exit('opentelemetry.sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_spans_arrive_at_the_collector_that_is_named(
    settings: Settings, company: tuple[str, Ids], clock: ManualClock
) -> None:
    got: list[tuple[str, str, int]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((self.path, self.headers["content-type"], len(body)))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    settings.otel_endpoint = f"http://127.0.0.1:{server.server_port}/"
    async with traced(settings, company[1], clock, None) as room:
        await room.ask("admin", "/api/stock", location_id=room.ids.places["N-A1"])
    server.shutdown()
    serving.join()
    server.server_close()
    [(path, media_type, size)] = got
    assert (path, media_type) == ("/v1/traces", "application/x-protobuf")
    assert size > 100


async def test_a_collector_that_is_away_costs_nobody_an_answer(
    settings: Settings, company: tuple[str, Ids], clock: ManualClock
) -> None:
    settings.otel_endpoint = "http://127.0.0.1:1"
    async with traced(settings, company[1], clock, None) as room:
        await room.do("warehouse", "/api/postings", {"kind": "transfer", "lines": [room.line("1")]})


def test_a_collector_without_the_extra_is_a_sentence(
    settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    settings.otel_endpoint = "http://127.0.0.1:4318"
    with pytest.raises(RuntimeError, match=r"jieli\[otel\]"):
        create_app(settings, clock)
