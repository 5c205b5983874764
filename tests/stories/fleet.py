"""A fleet: several web and worker processes on one PostgreSQL, as a large firm runs them.

Every process is real and can be killed, frozen or restarted by itself (warm_server.py). People use
whichever web process they are told to, and go to the next when it does not answer, as behind a
proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import websockets

from api.demo.company import seed
from api.demo.data import PEOPLE, PIN
from api.demo.handheld import Handheld
from api.demo.server import free_port
from core import people
from core.clock import SystemClock, perf
from core.config import DEFAULT_SECRET
from core.db import Database, Tx
from core.ids import new_id
from core.migrations.run import upgrade
from core.outbox import queue
from tests.databases import DATABASES
from tests.stories.arena import PATIENCE, Server


class Process:
    """One web or worker process."""

    def __init__(self, env: dict[str, str], log: Path, port: int = 0) -> None:
        self.port = port
        self.server = Server(env, log)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        await self.server.obey("start" if self.port else "worker", "0")

    async def restart(self, how: str) -> None:
        """`stop` it in good order or `kill` it, then start it again."""
        await self.server.obey(how)
        await self.start()


class Fleet:
    """Web processes `webs`, worker processes `workers`, one database.

    Without workers the web processes run the engine themselves.
    """

    def __init__(
        self,
        folder: Path,
        *,
        webs: int,
        workers: int,
        redis_url: str = "",
        url: str = "",
        mutant: str = "",
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.clock = folder, SystemClock()
        self._own = not url  # a database on another server is that one's affair
        self.url = url or DATABASES.blank()
        self.db = Database(self.url, self.clock)
        queue.configure(DEFAULT_SECRET)
        upgrade(self.db)
        self.seeded = seed(self.db)
        self.tokens = self.db.write_now(self._sign_in)
        self.redis_url = redis_url
        self._env = {**(env or {}), "TORTURE_MUTANT": mutant}
        self._engine = "false" if workers else "true"
        self.webs = [self._process(f"web{n}", free_port()) for n in range(webs)]
        self.workers = [self._process(f"worker{n}", 0) for n in range(workers)]
        self.http = httpx.AsyncClient(timeout=20)

    def _sign_in(self, tx: Tx) -> dict[str, str]:
        return {
            login: people.open_session(tx, person, "api", minutes=60 * 24)
            for login, person in self.seeded.people.items()
        }

    def _process(self, name: str, port: int) -> Process:
        env = {
            "JIELI_DATABASE_URL": self.url,
            "JIELI_REDIS_URL": self.redis_url,
            "JIELI_FILES_DIR": str(self.folder / "files"),
            "JIELI_PORT": str(port),
            "JIELI_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "JIELI_ENGINE": self._engine,
            "JIELI_ENGINE_SWEEP_SECONDS": "1",
            **self._env,
        }
        return Process(env, self.folder / f"{name}.log", port)

    @property
    def processes(self) -> list[Process]:
        return [*self.webs, *self.workers]

    async def launch(self) -> None:
        await asyncio.gather(*(each.server.launch() for each in self.processes))
        for each in self.processes:
            await each.start()
        for each in self.webs:
            await self.ready(each)

    async def ready(self, web: Process) -> None:
        """Wait until a web process answers."""
        began = perf()
        while True:
            with suppress(httpx.TransportError):
                if (await self.http.get(f"{web.base}/readyz")).status_code == 200:
                    return
            assert perf() - began < PATIENCE, f"{web.base} is not ready"
            await asyncio.sleep(0.02)

    def headers(self, login: str, key: str = "") -> dict[str, str]:
        key = key or new_id(self.clock.now())
        return {"Authorization": f"Bearer {self.tokens[login]}", "Idempotency-Key": key}

    async def send(self, login: str, path: str, body: Any, key: str) -> httpx.Response:
        """POST to one web process after the other, with one operation id, until one answers."""
        began = perf()
        while True:
            for web in self.webs:
                said = "silence"
                with suppress(httpx.TransportError):
                    headers = self.headers(login, key)
                    answer = await self.http.post(web.base + path, json=body, headers=headers)
                    if answer.status_code < 500:
                        return answer
                    assert answer.status_code == 503, answer.text
                    said = answer.text
            assert perf() - began < PATIENCE, f"nobody answers {path}: {said}"
            await asyncio.sleep(0.01)

    async def get(self, web: Process, login: str, path: str) -> Any:
        answer = await self.http.get(web.base + path, headers=self.headers(login))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def gun(self, web: Process, login: str) -> Handheld:
        """An enrolled, signed-in scanner at one web process."""

        async def dial() -> websockets.ClientConnection:
            url = web.base.replace("http://", "ws://") + "/ws/pda"
            return await websockets.connect(url, compression=None)

        badge = next(each.badge for each in PEOPLE if each.login == login)
        gun = Handheld(dial, self.clock, badge, PIN)
        code = await self.http.post(
            web.base + "/api/devices/codes", json={"name": login}, headers=self.headers("admin")
        )
        await gun.enrol(code.json()["code"])
        return gun

    def complaints(self) -> list[str]:
        """What the processes logged as errors: nobody's fault may look like ours."""
        logs = [path.read_text().splitlines() for path in sorted(self.folder.glob("*.log"))]
        return [line for log in logs for line in log if "[error " in line or "[critical" in line]

    async def close(self) -> None:
        for each in self.processes:
            await each.server.end()
        await self.http.aclose()
        await asyncio.to_thread(self.db.close)
        if self._own:
            DATABASES.drop(self.url)


@asynccontextmanager
async def open_fleet(
    folder: Path,
    *,
    webs: int = 2,
    workers: int = 2,
    redis_url: str = "",
    url: str = "",
    mutant: str = "",
    env: Mapping[str, str] | None = None,
) -> AsyncIterator[Fleet]:
    """A started fleet; `env` is on top of what each process is told."""
    fleet = await asyncio.to_thread(
        lambda: Fleet(
            folder,
            webs=webs,
            workers=workers,
            redis_url=redis_url,
            url=url,
            mutant=mutant,
            env=env,
        )
    )
    try:
        await fleet.launch()
        yield fleet
    finally:
        await fleet.close()
