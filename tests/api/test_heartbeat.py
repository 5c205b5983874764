"""The dead man's heartbeat: it beats while the engine keeps up, and stops when it does not."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from api.heartbeat import Heartbeat, heartbeat_of
from api.main import create_app
from core.bus import Bus
from core.clock import MINUTE, SECOND, Instant, ManualClock
from core.config import Settings
from core.db import Database
from core.engine import Engine, Step
from tests.databases import DATABASES


class Monitor:
    """The outside: a real HTTP server on loopback that counts calls and answers `status`."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.status = 200
        monitor = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                monitor.calls.append(self.path)
                self.send_response(monitor.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/ping/secret-of-ours"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    made = Monitor()
    yield made
    made.close()


class Patient:
    """An engine with one step that can be told to hang or to fail, and its heartbeat."""

    def __init__(self, db: Database, url: str, *, bound: float = 60) -> None:
        assert isinstance(db.clock, ManualClock)
        self.clock: ManualClock = db.clock
        self.trouble: Exception | None = None
        self.work = Step("work", self._run, lambda _conn: None)
        self.engine = Engine(db, db.clock, Bus(), [self.work])
        self.heart = Heartbeat(url, every=60, bound=bound)
        self.beat = self.heart.step()
        self.engine.add(self.beat)
        self.heart.watch(self.engine)

    async def _run(self) -> int:
        if self.trouble is not None:
            raise self.trouble
        return 0

    async def pass_time(self, by: Instant, *, hangs: bool = False) -> None:
        """`by` later both steps have had their turn, the first one only if it does not hang."""
        self.clock.advance(by)
        if not hangs:
            await self.engine._once(self.work)
        await self.engine._once(self.beat)


@pytest.fixture
def patient(db: Database, monitor: Monitor) -> Patient:
    return Patient(db, monitor.url)


async def test_it_beats_once_a_minute(patient: Patient, monitor: Monitor) -> None:
    for _ in range(10):
        await patient.pass_time(20 * SECOND)
    assert len(monitor.calls) == 4, "at 20, 80, 140 and 200 s"
    await patient.heart.close()


@pytest.mark.parametrize("how", ["hangs", "fails"])
async def test_it_stops_when_a_step_is_stuck_and_goes_on_when_it_is_not(
    patient: Patient, monitor: Monitor, how: str
) -> None:
    await patient.pass_time(MINUTE)
    assert len(monitor.calls) == 1
    patient.trouble = RuntimeError("it fails") if how == "fails" else None
    for _ in range(6):
        await patient.pass_time(MINUTE, hangs=how == "hangs")
    assert len(monitor.calls) == 2, "after 90 s of silence (limit and bound) nobody is called"
    patient.trouble = None
    await patient.pass_time(MINUTE)
    assert len(monitor.calls) == 3
    await patient.heart.close()


async def test_an_overdue_timer_holds_it_back(
    settings: Settings, clock: ManualClock, monitor: Monitor
) -> None:
    """In the whole app: nobody fires what is due for two minutes, so nobody is called."""
    settings.heartbeat_url = SecretStr(monitor.url)
    app = create_app(settings, clock)
    async with app.router.lifespan_context(app):
        engine = app.state.jieli.engine
        await every_step(engine)
        assert monitor.calls == ["/ping/secret-of-ours"]
        due = await app.state.jieli.db.read(engine.steps[0].next_due)
        clock.move_to(due + 2 * MINUTE)
        beat = engine.steps[-1]
        for step in engine.steps[1:]:
            await engine._once(step)
        assert len(monitor.calls) == 1
        await engine.drain()
        await every_step(engine)
        clock.advance(MINUTE)
        await engine._once(beat)
        assert len(monitor.calls) == 2


async def every_step(engine: Engine) -> None:
    """Each has its turn, the heartbeat last."""
    for step in engine.steps:
        while await engine._once(step):
            pass


@pytest.mark.postgres
async def test_it_stops_when_the_database_is_away(
    fresh_url: str, clock: ManualClock, monitor: Monitor
) -> None:
    url = DATABASES.copy()
    db = Database(url, clock)
    patient = Patient(db, monitor.url)
    await patient.pass_time(MINUTE)
    assert len(monitor.calls) == 1
    DATABASES.drop(url, at_once=True)
    await patient.pass_time(MINUTE)
    assert len(monitor.calls) == 1
    assert patient.engine.health["heartbeat"].failures == 1
    await patient.heart.close()
    db.close()


@pytest.mark.parametrize("trouble", ["refuses", "is away"])
async def test_a_monitor_that_is_not_there_is_said_once_without_its_address(
    db: Database, monitor: Monitor, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    caplog.set_level(logging.INFO, "api.heartbeat")
    monitor.status = 500
    away = "http://127.0.0.1:1/ping/secret-of-ours"
    patient = Patient(db, monitor.url if trouble == "refuses" else away)
    for _ in range(4):
        await patient.pass_time(MINUTE)
    lines = [record for record in caplog.records if record.name == "api.heartbeat"]
    assert [record.message for record in lines] == ["heartbeat_unheard"]
    assert "secret-of-ours" not in caplog.text
    assert not any("secret-of-ours" in str(record.__dict__) for record in lines)
    patient.heart._url, monitor.status = monitor.url, 200
    await patient.pass_time(MINUTE)
    assert caplog.records[-1].message == "heartbeat_again"
    await patient.heart.close()


async def test_a_monitor_that_does_not_answer_holds_up_no_transaction(db: Database) -> None:
    """While the call is under way anybody writes; on SQLite there is but one writer."""
    reached, answer = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        reached.set()
        await answer.wait()
        writer.close()

    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    patient = Patient(db, f"http://127.0.0.1:{port}/")
    calling = asyncio.create_task(patient.pass_time(MINUTE))
    await reached.wait()
    assert await db.write(lambda tx: tx.alone("anything"))
    answer.set()
    await calling
    await patient.heart.close()
    server.close()


def test_without_an_address_there_is_none(settings: Settings) -> None:
    assert heartbeat_of(settings) is None
