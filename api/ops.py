"""For whoever runs Jieli: alive, ready, metrics, the API's own description, proof and reasons.

/metrics, /docs and /openapi.json answer only the machine itself or the metrics token.
"""

from __future__ import annotations

import hmac
import shutil
from dataclasses import dataclass
from functools import cache
from html import escape
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from api.deps import App, Jieli, as_json
from api.doors import Public, allow, door_of
from api.routers import json_router
from api.wire import wire
from core import events
from core.clock import SECOND, Instant, perf
from core.config import Settings
from core.db import Database
from core.errors import FORBIDDEN, AppError
from core.migrations import run as migrations
from core.outbox import queue
from core.people import Actor, require
from core.skew import skew
from core.stock import prove
from core.tasks import escalation
from core.tasks.queries import task
from core.tasks.why import explain

LOW_DISK_BYTES = 200 * 1024 * 1024
LATE_SECONDS = 60
STUCK_SECONDS = 15 * 60

probes = json_router(tags=["operations"])  # what every process answers, a worker too
router = json_router(tags=["operations"])


class Machine(Public):
    """Only this machine, or whoever holds the metrics token."""

    async def __call__(self, request: Request) -> None:  # type: ignore[override]
        settings = request.app.state.jieli.settings
        token = settings.metrics_token.get_secret_value()
        given = request.headers.get("authorization", "")
        if token and hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return
        if not _is_loopback(request):
            raise AppError(FORBIDDEN, verb="运维查看", who="管理员")


machine = Depends(Machine("operators: loopback or the metrics token"))


def _is_loopback(request: Request) -> bool:
    """A direct request of this machine; one that a proxy passed on is not."""
    if request.client is None or {"forwarded", "x-forwarded-for"} & set(request.headers):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False


# -- alive and ready -----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be right before traffic may come."""

    name: str
    ok: bool
    detail: str


@probes.get("/healthz", dependencies=[Depends(Public("a load balancer asks whether we live"))])
async def healthz() -> Response:
    """The process answers; nothing else is asked."""
    return as_json({"ok": True})


@probes.get("/readyz", dependencies=[Depends(Public("a load balancer asks whether to send work"))])
async def readyz(jieli: App) -> Response:
    """Ready for work: database, schema, disk, and nothing stuck; 503 with the reasons if not."""
    found = await checks(jieli)
    ready = all(check.ok for check in found)
    return as_json({"ready": ready, "checks": wire(list(found))}, 200 if ready else 503)


async def checks(jieli: Jieli) -> list[Check]:
    """Every readiness check with what it found."""
    try:
        found = await jieli.db.read(lambda conn: _database_checks(conn, jieli))
    except Exception as problem:  # noqa: BLE001  # whatever it is, we are not ready, and say so
        found = [Check("database", False, type(problem).__name__)]
    return [*found, disk_check_of(jieli.settings)]


def _database_checks(conn: Connection, jieli: Jieli) -> list[Check]:
    now = jieli.clock.now()
    at, expected = migrations.current(conn), _newest_schema()
    overdue = escalation.lag(conn, now) / SECOND
    waiting = queue.oldest_waiting(conn, now) / SECOND
    differs, most = skew(conn, jieli.clock), jieli.settings.clock_skew_seconds
    clock = [] if differs is None else [clock_check_of(differs, most)]
    return [
        Check("database", True, f"event {events.head(conn)}"),
        _writing_check(conn, jieli.db),
        Check("schema", at == expected, f"{at or 'none'} of {expected}"),
        Check("timers", overdue < LATE_SECONDS, f"oldest overdue {overdue:.1f} s"),
        Check("outbox", waiting < STUCK_SECONDS, f"oldest waiting {waiting:.0f} s"),
        *clock,
    ]


def _writing_check(conn: Connection, db: Database) -> Check:
    """Whether commands are served: a server may answer questions and commit nothing."""
    if not db.takes_writes(conn):
        return Check("writing", False, "the database takes no writes")
    busy = db.busy_seconds
    return Check("writing", db.is_open and busy < LATE_SECONDS, f"busy for {busy:.1f} s")


def clock_check_of(differs: Instant, most: float) -> Check:
    """Whether this machine and the database server mean the same moment by "due"."""
    seconds = differs / SECOND
    return Check("clock", abs(seconds) <= most, f"{seconds:+.1f} s to the database server")


@cache
def _newest_schema() -> str:
    """The revision this code expects; reading the migrations takes half a second."""
    return migrations.newest()


def disk_check_of(settings: Settings) -> Check:
    """Room for the database to grow; for files alone where the database has a server."""
    url = make_url(settings.database_url)
    is_file = url.get_backend_name() == "sqlite"
    path = (Path(url.database or ".").parent if is_file else settings.files_dir).absolute()
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free
    return Check("disk", free > LOW_DISK_BYTES, f"{free // 2**20} MiB free")


@probes.get("/metrics", dependencies=[machine])
async def metrics(jieli: App) -> Response:
    """Prometheus exposition."""
    now = jieli.clock.now()
    sockets = jieli.live.counts()
    text = await jieli.db.read(lambda conn: jieli.metrics.page(conn, jieli.engine, sockets, now))
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


# -- the API about itself ------------------------------------------------------------------------
@router.get("/openapi.json", dependencies=[machine], include_in_schema=False)
async def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    return as_json(request.app.openapi())


@router.get("/docs", dependencies=[machine], include_in_schema=False)
async def docs(request: Request) -> Response:
    """Every route on one page, with the permission it declares; works without the internet."""
    rows = []
    for context in iter_route_contexts(request.app.routes):
        route = context.original_route
        if not isinstance(route, APIRoute):  # a socket or a page
            continue
        words = " ".join((route.endpoint.__doc__ or "").split("\n\n")[0].split())
        cells = (" ".join(sorted(route.methods or ())), str(context.path), door_of(route), words)
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    page = (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>接力 API</title>'
        "<style>body{font:15px/1.5 system-ui;margin:24px;background:#fbfaf7;color:#1b1b1a}"
        "td{padding:4px 12px;border-top:1px solid #d9d6cf;vertical-align:top}</style>"
        '<h1>接力 API</h1><p>机器可读的描述：<a href="/openapi.json">/openapi.json</a></p>'
        f"<table>{''.join(rows)}</table></html>"
    )
    return Response(page, media_type="text/html; charset=utf-8")


# -- proof and reasons ---------------------------------------------------------------------------
@router.post("/api/prove")
async def prove_books(_actor: Annotated[Actor, allow("prove.run")], jieli: App) -> Response:
    """Recompute every balance from its moves and the chain of events; names what is wrong."""
    began = perf()
    proof = await jieli.db.read(prove)
    seconds = round(perf() - began, 3)
    return as_json({**wire(proof), "ok": not proof.problems, "seconds": seconds})


@router.get("/api/tasks/{task_id}/why")
async def why(task_id: str, actor: Annotated[Actor, allow("task.read")], jieli: App) -> Response:
    """Why a task is where it is, and what will happen next."""

    def ask(conn: Connection) -> Any:
        require(actor, "task.read", task(conn, task_id).thing)
        return explain(conn, task_id, jieli.clock.now()).to_wire()

    return as_json(await jieli.db.read(ask))


@router.get("/api/engine")
async def engine(_actor: Annotated[Actor, allow("engine.read")], jieli: App) -> Response:
    """How each engine step is doing."""
    steps = [{"name": name, **wire(health)} for name, health in sorted(jieli.engine.health.items())]
    return as_json({"steps": steps, "checks": wire(await checks(jieli))})
