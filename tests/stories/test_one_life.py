"""G6: one task in one life survives SIGKILL, an upgrade, the other database and a day of downtime.

A failed inspection waits for its buyer, 48 hours, then three levels up. It was opened in a database
of the version before, which is upgraded by the next server; that one is killed, its database dumped
and restored into the other kind, and finally it stands still for a day in which every level would
have been called. The vendor's side lives all the time and remembers what it was told.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import httpx
import pytest
from alembic import command
from fastapi import FastAPI
from sqlalchemy import select

from api.backup import back_up, put_back
from api.demo.company import Seeded, seed
from api.demo.data import PEOPLE
from api.demo.server import serving
from api.main import create_app
from api.proving import prove_all
from bots.simulator.wecom import View
from bots.wecom import card_id_of
from core import events, people
from core.clock import DAY, HOUR, MINUTE, Instant
from core.config import DEFAULT_SECRET, Settings
from core.db import Database, Tx
from core.migrations.run import _config, current, newest, upgrade
from core.orders.inspection import QC_POLICY
from core.outbox import queue
from core.outbox.tables import messages
from core.people import ENGINE
from core.tasks.policies import save_policy
from core.tasks.policy import Policy, Rung
from core.tasks.tables import tasks
from tests.stories import judge
from tests.stories.arena import Arena, Gate, Server, mouldy, order_of, pressable
from tests.stories.test_kill import case_of

BEFORE = "2026_11_26_archive"  # the version before this one
LEVELS = Policy(
    QC_POLICY,
    48 * HOUR,
    remind=(4 * HOUR,),
    rungs=(
        Rung(48 * HOUR, ("role:supervisor",)),
        Rung(54 * HOUR, ("role:director",), urgent=True),
        Rung(60 * HOUR, ("role:admin",), urgent=True),
    ),
)
LADDER = ("liqiang", "zhoulan", "admin")
JUST = 2 * MINUTE  # in which a restarted server does what is due; the next level waits five


def back_to(db: Database, revision: str) -> None:
    """Give the database the shape that the version of `revision` would have left it in."""
    config = _config()

    def run(tx: Tx) -> None:
        config.attributes["connection"] = tx.conn
        command.downgrade(config, revision)

    db.write_now(run)


class Life(Arena):
    """An arena whose database begins one version back and may move to the other kind."""

    task = ""

    def _prepare(self) -> tuple[Seeded, dict[str, str]]:
        queue.configure(DEFAULT_SECRET)
        upgrade(self.db)
        seeded = seed(self.db)
        self.db.write_now(lambda tx: save_policy(tx, ENGINE, LEVELS))
        tokens = {
            login: self.db.write_now(
                lambda tx, p=person: people.open_session(tx, p, "api", minutes=60 * 24)  # type: ignore[misc]
            )
            for login, person in seeded.people.items()
        }
        return seeded, tokens

    def settings(self, url: str) -> Settings:
        return Settings(
            database_url=url,
            files_dir=self.folder / "files",
            archive_dir=self.folder / "archive",
            engine=False,
            _env_file=None,
        )

    async def by_the_old_version(self) -> str:
        """The inspection fails at the doors of a server that then goes away; the buyer's task."""
        app = create_app(self.settings(self.url), self.clock)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url=self.base) as http:
                ask, mine = order_of(self.seeded, 1), self.headers("wangmin", "order-0001")
                made = (await http.post("/api/orders", json=ask, headers=mine)).json()
                arrived = mouldy(made["lines"][0]["id"], 1)
                keeper = self.headers("sunli", "arrive-0001")
                answer = await http.post("/api/receipts/combined", json=arrived, headers=keeper)
                assert answer.status_code == 201, answer.text
                inbox = await http.get("/api/tasks/inbox", headers=self.headers("wangmin"))
        back_to(self.db, BEFORE)
        [task] = [each for each in inbox.json()["items"] if each["kind"] == "qc_decide"]
        return str(task["id"])

    async def move_to(self, url: str) -> None:
        """Dump what the dead server left, restore it elsewhere, go on there."""
        back_up(self.settings(self.url), self.folder / "dump")
        done = put_back(self.settings(url), self.folder / "dump", verify=True, force=False)
        assert done["verified"]
        self.db.close()
        await self.server.end()
        self.url, self._own = url, False
        self.db = Database(url, self.clock)
        self.server = Server(self._env(), self.folder / "server.log")
        await self.server.launch()

    async def stand_still(self, by: Instant) -> None:
        """Kill the server; it is back `by` later and does what is due then."""
        await self.kill()
        await self.start(by)
        await self.until(self.at_rest, "what was due is done")

    def cards(self, login: str) -> list[View]:
        """What this person's phone has about the task."""
        about = select(messages.c.card_id).where(messages.c.task_id == self.task)
        ours = set(self.db.read_now(lambda conn: conn.execute(about).scalars().all()))
        return [
            view
            for view in self.simulator.pane(login)
            if card_id_of(view.content.get("task_id", "")) in ours
        ]

    def sent(self) -> int:
        """Cards about the task on all phones."""
        return sum(len(self.cards(each.login)) for each in PEOPLE)

    def ended(self) -> tuple[int, str, int]:
        """Generation, state and closer of the task."""
        query = select(tasks.c.generation, tasks.c.state, tasks.c.closed_by)
        one = query.where(tasks.c.id == self.task)
        generation, state, closed_by = self.db.read_now(lambda conn: conn.execute(one).one())
        return generation, state, closed_by


@pytest.mark.postgres
@pytest.mark.timeout(180)
@pytest.mark.parametrize("begins_on", ["sqlite", "postgres"])
async def test_a_task_survives_all_of_it(begins_on: str, blank_url: str, tmp_path: Path) -> None:
    file = f"sqlite:///{tmp_path}/jieli.db"
    first, other = (file, blank_url) if begins_on == "sqlite" else (blank_url, file)
    life = Life(tmp_path, 1, first)
    try:
        vendor = cast("FastAPI", Gate(life.simulator.app, life.passed))
        async with serving(vendor, life.vendor_port):
            await live_it(life, other)
    finally:
        await life.server.end()
        await life.close()


async def live_it(life: Life, other: str) -> None:
    life.task = await life.by_the_old_version()
    opened = life.clock.now()
    assert life.db.read_now(current) == BEFORE
    assert life.sent() == 0

    # An upgrade: the new version's server migrates, then tells the buyer.
    await life.server.launch()
    await life.start()
    await life.until(life.at_rest, "the buyer has her card")
    assert life.db.read_now(current) == newest() != BEFORE
    assert [pressable(each) != "" for each in life.cards("wangmin")] == [True]

    # SIGKILL, twice; 40 hours pass and nobody is told anything twice.
    for _ in range(2):
        await life.stand_still(20 * HOUR)
    assert len(life.cards("wangmin")) == 1
    assert not any(life.cards(login) for login in LADDER)

    # The other kind of database, while the server is dead. 47 hours after it began all is calm.
    await life.kill()
    await life.move_to(other)
    await life.start(opened + 47 * HOUR - life.clock.now())
    await life.until(life.at_rest, "the reminder has gone out")
    assert not any(life.cards(login) for login in LADDER)

    # A day of downtime, in which all three levels would have been called: one card, to the first.
    before = life.sent()
    await life.stand_still(DAY)
    assert {login: len(life.cards(login)) for login in LADDER} == {
        "liqiang": 1,
        "zhoulan": 0,
        "admin": 0,
    }
    assert life.sent() == before + 1
    history = life.db.read_now(lambda conn: events.of_subject(conn, f"task:{life.task}"))
    [climb] = [each.payload for each in history if each.kind == "task.escalated"]
    assert 23 * HOUR <= climb["late_us"] < 24 * HOUR, "and it says how late it is"
    await life.stand_still(JUST)
    assert life.sent() == before + 1, "whoever was called gets his chance first"

    # It ends where it should, on every phone, and the books tell one story from the first day.
    [card] = life.cards("liqiang")
    posted = await life.simulator.pressing.press("liqiang", card.msg_id, pressable(card))
    assert 200 in posted.statuses
    await life.until(life.at_rest, "every card knows")
    decided = life.ended()
    assert decided[1:] == ("done", life.seeded.people["liqiang"])
    case = case_of(life)
    found = [*judge.timers_fired_once(case), *judge.cards_stand_once(case)]
    found += [each for each in judge.nobody_waits_in_vain(case) if each.startswith("消息")]
    assert [*found, *prove_all(life.db)[1]] == []

    # WeCom lets nobody change a card of three days ago: she was told in words, and a late press
    # of hers changes nothing.
    for old in life.cards("wangmin"):
        if pressable(old):
            late = await life.simulator.pressing.press("wangmin", old.msg_id, pressable(old))
            assert 200 in late.statuses
    await life.until(life.at_rest, "her press was answered")
    assert life.ended() == decided
