"""The world of a story test: the whole product in memory, a clock that jumps, and verbs of people.

Everything goes through the real doors: REST and portal over ASGI, scanners over the WebSocket door,
chat through WeCom's wire format to the simulator and back. Nothing sleeps and nothing is mocked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson

from api.demo.company import Seeded
from api.demo.data import PEOPLE, PIN
from api.demo.handheld import Handheld
from api.demo.stage import Stage
from bots.simulator.wecom import Posted, View
from core import people
from core.clock import HOUR, MINUTE, Instant, ManualClock
from core.config import Settings
from core.ids import new_id
from tests.pda.socket import Socket

Wire = dict[str, Any]


class World:
    """One company, its people at their surfaces, and the hand that moves the clock."""

    def __init__(self, stage: Stage, clock: ManualClock, seeded: Seeded, http: httpx.AsyncClient):
        self.stage = stage
        self.clock = clock
        self.seeded = seeded
        self.http = http
        self.jieli = stage.jieli
        self._tokens: dict[str, str] = {}
        self._scanners: list[Handheld] = []

    # -- time --------------------------------------------------------------------------------
    async def settle(self) -> None:
        """Run what is due now until nothing is; first what a busy machine kept on its disk."""
        await self.jieli.spool.drain()
        await self.jieli.engine.drain()

    async def after(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Let time pass, stopping at every moment at which something becomes due."""
        span = hours * HOUR + minutes * MINUTE + seconds * 1_000_000
        await self.until(self.clock.now() + int(span))

    async def until(self, moment: Instant) -> None:
        await self.settle()
        while (due := await self.jieli.engine.next_due()) is not None and due <= moment:
            assert due > self.clock.now(), "something is due, yet the engine came to rest"
            self.clock.move_to(due)
            await self.settle()
        self.clock.move_to(moment)
        await self.settle()

    # -- REST --------------------------------------------------------------------------------
    def token(self, login: str) -> str:
        """An API token of this person."""
        if login not in self._tokens:
            person_id = self.seeded.people[login]
            self._tokens[login] = self.jieli.db.write_now(
                lambda tx: people.open_session(tx, person_id, "api", minutes=60 * 24 * 365)
            )
        return self._tokens[login]

    async def get(self, login: str, path: str, **query: Any) -> Any:
        answer = await self.http.get(path, params=query, headers=self._auth(login))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send(
        self, login: str, path: str, body: Wire | None = None, *, key: str = ""
    ) -> httpx.Response:
        """POST as this person; `key` defaults to a fresh operation id."""
        headers = self._auth(login) | {"Idempotency-Key": key or new_id(self.clock.now())}
        return await self.http.post(path, json=body or {}, headers=headers)

    async def do(self, login: str, path: str, body: Wire | None = None, *, key: str = "") -> Any:
        """POST that must succeed; its JSON."""
        answer = await self.send(login, path, body, key=key)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def put(self, login: str, path: str, body: Wire) -> Any:
        """PUT that must succeed; its JSON."""
        headers = self._auth(login) | {"Idempotency-Key": new_id(self.clock.now())}
        answer = await self.http.put(path, json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def _auth(self, login: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(login)}"}

    # -- chat --------------------------------------------------------------------------------
    def pane(self, login: str) -> list[View]:
        """All that this person sees in WeCom, oldest first."""
        return self.stage.simulator.pane(login)

    def cards_of(self, login: str) -> list[View]:
        """The cards in this person's pane that can still be pressed."""
        return [
            view
            for view in self.pane(login)
            if view.kind == "template_card" and not view.grey and pressable(view)
        ]

    async def tap(
        self, login: str, label: str, selected: Mapping[str, Sequence[str]] | None = None
    ) -> Posted:
        """Press a button in chat; the callback is answered and everything due has run after it."""
        posted = await self.stage.simulator.press(login, label, selected=selected)
        await self.settle()
        return posted

    # -- scanners ----------------------------------------------------------------------------
    async def scanner(self, login: str, name: str = "3号枪") -> Handheld:
        """Enrol a device, sign this person in by badge and PIN, and take the inbox."""
        made = await self.do("admin", "/api/devices/codes", {"name": name})
        badge = next(each.badge for each in PEOPLE if each.login == login)
        scanner = Handheld(self._dial, self.clock, badge, PIN)
        self._scanners.append(scanner)
        await scanner.enrol(made["code"])
        return scanner

    async def _dial(self) -> _Line:
        socket = Socket(self.stage.app, "/ws/pda")
        await socket.__aenter__()
        return _Line(socket)

    async def close(self) -> None:
        for scanner in self._scanners:
            await scanner.drop()

    # -- shortcuts ---------------------------------------------------------------------------
    async def inbox(self, login: str) -> list[Wire]:
        """The live tasks of this person."""
        found: list[Wire] = (await self.get(login, "/api/tasks/inbox"))["items"]
        return found

    async def task_of(self, login: str, kind: str) -> Wire:
        """This person's one live task of `kind`."""
        found = [task for task in await self.inbox(login) if task["kind"] == kind]
        assert len(found) == 1, [task["title"] for task in found]
        return found[0]

    def prove(self) -> tuple[str, ...]:
        """What `jieli prove` complains about."""
        from core.stock import prove

        return self.jieli.db.read_now(lambda conn: prove(conn).problems)


class _Line:
    """The in-memory socket, as a handheld wants it."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    async def send(self, text: str, /) -> None:
        self._socket.send(text)

    async def recv(self) -> str:
        return orjson.dumps(await self._socket.frame()).decode()

    async def close(self) -> None:
        self._socket.drop()
        await self._socket.__aexit__(None, None, None)


def pressable(view: View) -> bool:
    """A card with at least one button that calls back."""
    buttons = [*view.content.get("button_list", ()), view.content.get("submit_button")]
    return any(button and button.get("key") for button in buttons)


def text_of(view: View) -> str:
    """All words of a message, to look for a sentence in."""
    words: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)
        elif isinstance(value, str):
            words.append(value)

    walk(view.content)
    return " · ".join([*words, view.grey])


@asynccontextmanager
async def opened(
    url: str, seeded: Seeded, folder: Path, clock: ManualClock
) -> AsyncIterator[World]:
    """A world on `url`, a private copy of the seeded company."""
    settings = Settings(
        database_url=url,
        files_dir=folder / "files",
        public_url="http://jieli.test",
        sqlite_synchronous="OFF",
        engine=False,
        _env_file=None,
    )
    stage = Stage(settings, clock)
    async with stage.app.router.lifespan_context(stage.app):
        transport = httpx.ASGITransport(stage.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://jieli.test") as http:
            world = World(stage, clock, seeded, http)
            await world.settle()
            yield world
            await world.close()
