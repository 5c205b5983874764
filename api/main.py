"""create_app: builds every part once and wires them together. Read this first.

Settings → database, bus, channels, engine steps, live door, routers. The lifespan starts and stops
the engine. Nothing is decided here: rules live in core/, faces in bots/, pda/ and the routers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from api import (
    audit,
    calendar,
    callbacks,
    devices,
    errors,
    files,
    h5,
    items,
    ops,
    orders,
    outbox,
    people,
    portal,
    sales,
    shortcuts,
    sign_in,
    stock,
    task_page,
    tasks,
    web,
)
from api.attempts import Attempts
from api.clocks import watch_clock
from api.deps import Jieli
from api.doors import Doorkeeper
from api.engine_steps import engine_steps
from api.heartbeat import heartbeat_of
from api.hot import PATH as HOT_PATH
from api.hot import Hot
from api.importing import door as importing
from api.labels import door as labels
from api.live import SOCKETS, LiveDoor
from api.logs import Frame
from api.metrics import Metrics
from api.routers import MAX_JSON, take
from api.spool import Spool
from api.telemetry import OFF, Named, config_of, provider_of
from api.vendors import Vendors
from core.bus import LOG, Bus, Outside
from core.clock import Clock, SystemClock
from core.config import DEFAULT_SECRET, Settings
from core.db import Committed, Database
from core.engine import Engine
from core.events import Event
from core.feed import Feed
from core.outbox import queue

if TYPE_CHECKING:
    import httpx
    from opentelemetry.sdk.trace.export import SpanExporter

# The hot router first: matching walks this list, and postings come thousands a second.
# In the order of traffic: an address is compared with the routes one after the other.
ROUTERS = (
    stock.router,
    tasks.router,
    orders.router,
    sales.router,
    *callbacks.ROUTERS,
    ops.probes,
    ops.router,
    sign_in.router,
    people.router,
    devices.router,
    items.router,
    labels.router,
    calendar.router,
    audit.router,
    outbox.router,
    shortcuts.router,
    *(files.router, importing.router, portal.router, task_page.router, h5.router),
)
GOODBYE_SECONDS = 10  # for what the engine is at; a lease covers the rest


class Framed(FastAPI):
    """FastAPI inside our frame: what the framework refuses by itself looks like our answers."""

    def build_middleware_stack(self) -> ASGIApp:
        return self.framed(super().build_middleware_stack())

    def framed(self, stack: ASGIApp) -> ASGIApp:
        settings: Settings = self.state.jieli.settings
        return Frame(stack, tls=settings.tls)


class Product(Framed):
    """All doors; the one that is knocked at thousands of times a second stands in front."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"] in SOCKETS:
            await self.state.jieli.live(scope, receive, send)  # no layer of ours stays for its life
            return
        stack = self.middleware_stack if scope.get("path") == HOT_PATH else None
        if stack is not None and self.state.jieli.spans is None:  # what is skipped makes spans
            scope["app"] = self  # all that the framework would add before our own frame
            await stack(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    def framed(self, stack: ASGIApp) -> ASGIApp:
        front = Hot(stack, MAX_JSON)
        return super().framed(front if self.state.jieli.spans is None else Named(front))


def create_app(
    settings: Settings | None = None,
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    exporter: SpanExporter | None = None,
) -> FastAPI:
    """The whole product as one ASGI app.

    Tests pass a clock, the simulator's `transport` and an `exporter` that keeps spans in memory.

    Raises:
        RuntimeError: TLS is on and the secret is still the laptop's.
    """
    settings = settings or Settings()
    _refuse_default_secret(settings)
    jieli = build(settings, clock or SystemClock(), transport)
    jieli.spans = provider_of(settings, exporter)
    app = Product(
        title="Jieli 接力",
        version="0.1.0",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        max_body_size=settings.max_body_bytes,
        telemetry=config_of(jieli.spans),
    )
    app.state.jieli = jieli
    errors.install(app)
    take(app, ROUTERS)
    app.router.routes.extend([*jieli.live.routes(), *web.routes()])
    return app


def create_worker(settings: Settings) -> FastAPI:
    """A worker as an ASGI app: its engine, and doors that tell how it is."""
    app = Framed(lifespan=_lifespan, docs_url=None, openapi_url=None, telemetry=OFF)
    engine_on = settings.model_copy(update={"engine": True})
    app.state.jieli = build(engine_on, SystemClock())
    errors.install(app)
    take(app, [ops.probes])
    return app


def build(
    settings: Settings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
) -> Jieli:
    """Everything behind the doors; the CLI uses it without an app."""
    queue.configure(settings.secret.get_secret_value())
    db = Database(
        settings.database_url,
        clock,
        synchronous=settings.sqlite_synchronous,
        batch=settings.writer_batch,
    )
    bus, metrics = Bus(_outside(settings, db)), Metrics()
    doorkeeper = Doorkeeper(settings, db, clock)
    vendors = Vendors(settings, clock, db, transport)
    live = LiveDoor(db, clock, doorkeeper)
    steps = engine_steps(settings, db, clock, vendors.channels, vendors.limits)
    heartbeat = heartbeat_of(settings)
    engine = Engine(db, clock, bus, steps, settings.engine_sweep_seconds)
    jieli = Jieli(
        settings=settings,
        db=db,
        clock=clock,
        bus=bus,
        engine=engine,
        heartbeat=heartbeat,
        channels=vendors.channels,
        vendors=vendors,
        live=live,
        feed=Feed(
            db,
            NEWS,
            lambda news: _heard(doorkeeper, live, news),
            settings.engine_sweep_seconds,
        ),
        doorkeeper=doorkeeper,
        metrics=metrics,
        attempts=Attempts(settings.redis_url),
        spool=Spool(settings.files_dir / "spool", db, clock),
    )
    engine.add(callbacks.inbox_step(jieli))
    if heartbeat is not None:
        engine.add(heartbeat.step())
        heartbeat.watch(engine)
    bus.listen(LOG, jieli.feed.look)
    db.on_commit = lambda committed: _after_commit(jieli, committed)
    return jieli


def _outside(settings: Settings, db: Database) -> Outside | None:
    """How the processes on one database wake each other; alone on SQLite, nobody else is there."""
    from core.hints import PostgresHints, RedisHints

    if settings.redis_url:
        return RedisHints(settings.redis_url)
    return PostgresHints(db.url) if db.is_shared else None


_DOOR_NEWS = ("person.", "device.", "session.", "chat.")


NEWS = ("task.", *_DOOR_NEWS)  # what live listeners and doors want to hear of


def _after_commit(jieli: Jieli, committed: Committed) -> None:
    """What happens on a Writer's thread after each commit: count, tell, wake."""
    jieli.metrics.saw(committed.news)
    told = [fact for fact in committed.news if isinstance(fact, Event)]
    jieli.feed.committed(told)
    jieli.bus.wake(committed.wakes)
    if any(event.kind.startswith(NEWS) for event in told):
        jieli.bus.tell_others((LOG,))


def _heard(doorkeeper: Doorkeeper, live: LiveDoor, news: Sequence[Event]) -> None:
    """News of any process, in the order of the log: forget who may come in, push to sockets."""
    if any(event.kind.startswith(_DOOR_NEWS) for event in news):
        doorkeeper.forget()
    live.on_news(news)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    jieli: Jieli = app.state.jieli
    async with running(jieli):
        yield


@asynccontextmanager
async def running(jieli: Jieli) -> AsyncIterator[asyncio.Task[None] | None]:
    """Everything that goes on beside the doors, the engine where it is on (its task is given).

    The database must be migrated.
    """
    await asyncio.to_thread(start, jieli)
    engine = None
    beside = [
        asyncio.create_task(watch_clock(jieli.db, jieli.settings), name="clock"),
        asyncio.create_task(jieli.spool.run(), name="spool"),
    ]
    if jieli.settings.engine:
        beside += callbacks.connections(jieli)
        engine = asyncio.create_task(jieli.engine.run(), name="engine")
        beside.append(engine)
    try:
        yield engine
    finally:
        for each in beside:
            each.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await asyncio.gather(*beside, return_exceptions=True)
        await close(jieli)


def start(jieli: Jieli) -> None:
    """Begin to hear what other processes do. The database must be migrated."""
    jieli.feed.start()
    jieli.bus.start()


async def close(jieli: Jieli) -> None:
    """Hang up sockets, finish late work, close the vendors' connections, then the database."""
    await asyncio.to_thread(jieli.bus.close)
    await asyncio.to_thread(jieli.feed.stop)
    await jieli.live.close()
    if jieli.late:
        await asyncio.wait(jieli.late, timeout=5)
    await jieli.vendors.close()
    await jieli.attempts.close()
    if jieli.heartbeat is not None:
        await jieli.heartbeat.close()
    if jieli.spans is not None:
        await asyncio.to_thread(jieli.spans.shutdown)
    await asyncio.to_thread(jieli.db.close)


def _refuse_default_secret(settings: Settings) -> None:
    if settings.tls and settings.secret.get_secret_value() == DEFAULT_SECRET:
        raise RuntimeError(
            "JIELI_SECRET is still the laptop's default while JIELI_TLS is on. "
            "Set JIELI_SECRET (or JIELI_SECRET_FILE) to 32 random bytes or more."
        )
