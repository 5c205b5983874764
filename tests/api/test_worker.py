"""A worker tells how it is, on a port of its own, and has no other door."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from api.demo.server import free_port
from core.clock import perf
from core.config import Settings
from core.db import Database
from tests.api.test_moving import upgrade_mark
from tests.stories.warm_server import Ahead

PATIENCE = 40.0
PAUSE = threading.Event()  # never set


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`jieli worker` as a process, and its address."""
    db = Database(settings.database_url, Ahead())
    upgrade_mark(db)
    db.close()
    port = free_port()
    env = os.environ | {
        "JIELI_DATABASE_URL": settings.database_url,
        "JIELI_FILES_DIR": str(tmp_path / "files"),
        "JIELI_WORKER_PORT": str(port),
        "JIELI_ENGINE": "false",
    }
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen([sys.executable, "-m", "api.cli", "worker"], env=env, stderr=log)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        log.close()


def test_a_worker_can_be_watched(
    worker: tuple[subprocess.Popen[bytes], str], settings: Settings
) -> None:
    process, base = worker
    with httpx.Client(base_url=base, trust_env=False) as http:
        until(lambda: http.get("/healthz").is_success)
        silent = 'jieli_engine_step_silent_seconds{step="escalation"}'
        until(lambda: silent in http.get("/metrics").text)
        # The company's deadlines are long past: the worker fires them, and says how late they were.
        until(lambda: fired(http.get("/metrics").text) > 0)
        until(lambda: http.get("/readyz").status_code == 200)
        for method, path in (("POST", "/api/postings"), ("GET", "/api/engine"), ("GET", "/docs")):
            assert http.request(method, path).status_code == 404
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == -signal.SIGTERM or process.returncode == 0


def fired(page: str) -> float:
    """How many timers the histogram has seen."""
    line = next(
        each for each in page.splitlines() if each.startswith("jieli_timer_lag_seconds_count")
    )
    return float(line.split()[1])


def until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition; a refused connection is "not yet"."""
    began = perf()
    while perf() - began < PATIENCE:
        with suppress(httpx.TransportError):
            if is_so():
                return
        PAUSE.wait(0.05)
    raise AssertionError("it did not come true")
