"""The real server as a process that can be killed and is back in a moment: imports done, then fork.

`python -m tests.stories.warm_server` reads orders from stdin, one a line: `start <µs>` forks a
server whose clock is that much ahead (the time the machine stood still), `worker` forks a worker,
`kill` sends SIGKILL and `stop` SIGTERM, and both wait until it is dead; `freeze` and `thaw` send
SIGSTOP and SIGCONT. At the end of stdin whatever runs is killed. Settings come from JIELI_*.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial

import uvicorn.loops.auto
import uvicorn.protocols.http.httptools_impl
import uvicorn.protocols.websockets.websockets_sansio_impl

import bots.wecom
from api import cli, process, worker
from api.main import create_app
from core.clock import Instant, SystemClock
from core.config import Settings
from core.migrations import run as migrations
from tests.torture import mutants

SIGNALS = {"freeze": signal.SIGSTOP, "thaw": signal.SIGCONT}
IMPORTED = (worker, bots.wecom, uvicorn.loops.auto, uvicorn.protocols)


class Ahead:
    """The machine's clock, `by` µs ahead; the test's own copy moves along with each restart."""

    def __init__(self, by: Instant = 0) -> None:
        self._machine = SystemClock()
        self.by = by

    def now(self) -> Instant:
        return self._machine.now() + self.by

    def is_manual(self) -> bool:
        return False


def serve(ahead: Instant) -> None:
    """`jieli serve`; with another clock the same three steps: migrate, build, run."""
    if not ahead:
        cli.serve(host=None, port=None, demo_data=False)
        return
    settings = Settings()
    process.prepare(settings)
    app = create_app(settings, Ahead(ahead))
    migrations.upgrade(app.state.jieli.db)
    process.run(app, settings)


def work() -> None:
    """`jieli worker`."""
    cli.worker()


def _fork(run: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)  # what the server prints belongs to the log, not to the orders
        run()
        code = 0
    finally:
        os._exit(code)


def _end(pid: int, how: signal.Signals = signal.SIGKILL) -> None:
    if pid:
        os.kill(pid, how)
        os.waitpid(pid, 0)


def main() -> None:
    """Obey until stdin ends."""
    mutants.become(os.environ.get("TORTURE_MUTANT", ""))
    pid = 0
    print("warm", flush=True)  # the protocol
    for line in sys.stdin:
        order, _, ahead = line.strip().partition(" ")
        if order in SIGNALS:
            os.kill(pid, SIGNALS[order])
        else:
            _end(pid, signal.SIGTERM if order == "stop" else signal.SIGKILL)
            pid = 0
        if order == "start":
            pid = _fork(partial(serve, int(ahead or 0)))
        elif order == "worker":
            pid = _fork(work)
        print(order, flush=True)  # the protocol
    _end(pid)


if __name__ == "__main__":
    main()
