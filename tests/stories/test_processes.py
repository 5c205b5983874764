"""Several web and worker processes on one PostgreSQL do what one process does (issue G3).

Hints go by NOTIFY or by Redis; with neither, a second's sweep does the work. Nothing here is timed;
figures go to stdout as one JSON line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from websockets import ConnectionClosed

from api.demo.handheld import Handheld
from api.demo.server import free_port
from core.clock import perf
from core.ids import new_id
from core.stock import prove
from tests.servers import Redis, redis_server
from tests.stories.arena import mouldy, order_of
from tests.stories.fleet import Fleet, Process, open_fleet

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(180)]
PATIENCE = 30.0
WANTED = ("JL-201", "JL-202", "JL-203")


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    """One server for these tests; those that kill it start their own."""
    with redis_server() as server:
        yield server


@pytest.fixture(params=["notify", "redis"])
def hints(request: pytest.FixtureRequest, redis: Redis) -> str:
    """The address of the Redis to use; empty for NOTIFY."""
    return redis.url if request.param == "redis" else ""


async def heard(gun: Handheld, subject: str, *, there: bool) -> float:
    """Seconds until the scanner shows a task about `subject`, or no longer does."""
    began = perf()
    async with asyncio.timeout(PATIENCE):
        while any(task["subject"] == subject for task in gun.inbox.values()) != there:
            await gun.listen()
    return perf() - began


async def order(fleet: Fleet, web: Process, number: int) -> Any:
    answer = await fleet.http.post(
        web.base + "/api/orders",
        json=order_of(fleet.seeded, number),
        headers=fleet.headers("wangmin"),
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def arrive(fleet: Fleet, web: Process, made: Any, number: int) -> None:
    body = mouldy(made["lines"][0]["id"], number)
    path = web.base + "/api/receipts/combined"
    answer = await fleet.http.post(path, json=body, headers=fleet.headers("sunli"))
    assert answer.status_code == 201, answer.text


async def test_what_is_done_at_one_web_process_shows_on_the_scanner_at_the_other(
    tmp_path: Path, hints: str
) -> None:
    shown: list[float] = []
    gone: list[float] = []
    async with open_fleet(tmp_path, webs=2, workers=2, redis_url=hints) as fleet:
        here, there = fleet.webs
        gun = await fleet.gun(there, "zhaogang")
        for number in range(1, 21):
            made = await order(fleet, here, number)
            shown.append(await heard(gun, f"order:{made['id']}", there=True))
            await arrive(fleet, here, made, number)
            gone.append(await heard(gun, f"order:{made['id']}", there=False))
        mine = (await fleet.get(here, "zhaogang", "/api/tasks/inbox"))["items"]
        assert gun.inbox == {task["id"]: task for task in mine}
        await gun.drop()
    tell(
        test="G3",
        hints="redis" if hints else "notify",
        shown_ms=ms(shown),
        gone_ms=ms(gone),
        of=len(gone),
    )


async def test_without_redis_the_sweep_does_the_work(tmp_path: Path) -> None:
    """Redis is killed, is away for a while, comes back empty: nothing but time is lost."""
    with redis_server() as redis:
        async with open_fleet(tmp_path, webs=2, workers=1, redis_url=redis.url) as fleet:
            here, there = fleet.webs
            gun = await fleet.gun(there, "zhaogang")
            for number, fault in enumerate([redis.kill, redis.start, redis.flush], 1):
                await asyncio.to_thread(fault)
                made = await order(fleet, here, number)
                await heard(gun, f"order:{made['id']}", there=True)
            await gun.drop()


async def test_processes_start_while_redis_is_away(tmp_path: Path) -> None:
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    async with open_fleet(tmp_path, webs=2, workers=0, redis_url=nobody) as fleet:
        here, there = fleet.webs
        gun = await fleet.gun(there, "zhaogang")
        made = await order(fleet, here, 1)
        await heard(gun, f"order:{made['id']}", there=True)
        await gun.drop()


async def test_a_revoked_scanner_is_hung_up_by_the_other_process(tmp_path: Path) -> None:
    async with open_fleet(tmp_path, webs=2, workers=0) as fleet:
        here, there = fleet.webs
        gun = await fleet.gun(there, "zhaogang")
        found = (await fleet.get(here, "admin", "/api/devices"))["items"]
        [device] = [each for each in found if each["name"] == "zhaogang"]
        path = f"{here.base}/api/devices/{device['id']}/revoke"
        answer = await fleet.http.post(path, json={}, headers=fleet.headers("admin"))
        assert answer.status_code < 300, answer.text
        with pytest.raises(ConnectionClosed, match="device_revoked"):
            await listen_on(gun)


async def move_on(fleet: Fleet, promised: dict[str, Any], stop: asyncio.Event, n: int) -> None:
    """Transfers, one after the other, at whichever web process answers."""
    places = fleet.seeded.locations
    while not stop.is_set():
        item = fleet.seeded.items[WANTED[n % len(WANTED)]]
        line = {
            "item_id": item,
            "quantity": "1",
            "from_location": places["SUPPLIER"],
            "to_location": places["ZJ-D-04-1"],
        }
        key = new_id(fleet.clock.now())
        body = {"kind": "receive", "lines": [line]}
        answer = await fleet.send("sunli", "/api/postings", body, key)
        assert answer.status_code == 201, answer.text
        promised[key] = answer.json()


async def listen_on(gun: Handheld) -> None:
    """Until the connection ends, and raise how."""
    async with asyncio.timeout(PATIENCE):
        while True:
            await gun.listen()


async def keep_listening(gun: Handheld) -> None:
    """A scanner that reconnects by itself whenever its server goes."""
    while True:
        try:
            await gun.listen()
        except Exception:  # noqa: BLE001  # any way a connection can end
            await gun.drop()
            await back(gun)


async def back(gun: Handheld) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await gun.reconnect()
            except Exception:  # noqa: BLE001  # not up yet
                await asyncio.sleep(0.02)
            else:
                return


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_processes_come_and_go_under_load_and_nothing_is_lost(
    tmp_path: Path, how: str
) -> None:
    """A rolling restart in good order, and one by SIGKILL: no posting, no push is lost."""
    promised: dict[str, Any] = {}
    async with open_fleet(tmp_path, webs=2, workers=2) as fleet:
        guns = [await fleet.gun(web, "zhaogang") for web in fleet.webs]
        ears = [asyncio.create_task(keep_listening(gun)) for gun in guns]
        stop = asyncio.Event()
        work = [asyncio.create_task(move_on(fleet, promised, stop, n)) for n in range(6)]
        made = []
        for number, process in enumerate([*fleet.processes, *fleet.processes], 1):
            key = new_id(fleet.clock.now())
            body = order_of(fleet.seeded, number)
            answer = await fleet.send("wangmin", "/api/orders", body, key)
            made.append(answer.json()["id"])
            await process.restart(how)
            if process.port:
                await fleet.ready(process)
        stop.set()
        await asyncio.gather(*work)
        wanted = {f"order:{each}" for each in made}
        async with asyncio.timeout(PATIENCE):
            for gun in guns:
                while not wanted <= {task["subject"] for task in gun.inbox.values()}:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        for ear in ears:
            ear.cancel()
        await asyncio.gather(*ears, return_exceptions=True)
        proof = fleet.db.read_now(prove)
        for key, answer in promised.items():
            found = await fleet.get(fleet.webs[0], "sunli", f"/api/postings/{key}")
            assert found == answer
    assert proof.problems == ()
    tell(test=f"rolling {how}", postings=len(promised), restarts=len(made))


def ms(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50": round(ordered[len(ordered) // 2] * 1e3, 1),
        "max": round(ordered[-1] * 1e3, 1),
    }


def tell(**facts: Any) -> None:
    print(orjson.dumps(facts).decode())
