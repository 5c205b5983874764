"""R9: the disk is full; everybody is told so, nothing is lost, and it goes on when there is room.

A small disk of its own (tmpfs, so only root can do this) holds the database, the files and the
temporary folder of a real web process, or the whole PostgreSQL. Ballast fills it to the last byte.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any

import httpx

from core.clock import perf
from core.ids import new_id
from tests.servers import postgres
from tests.stories.fleet import Fleet, open_fleet
from tests.torture.outages import CALLERS, PATIENCE, Load, recount
from tests.torture.recording import Outcome

MEGABYTE = 1 << 20
SMALL = 400 * MEGABYTE  # /readyz wants 200 free
PDF = b"%PDF-1.7 " + bytes(3 * MEGABYTE // 2)  # more than is held in memory while it comes in
MOST_REFUSALS = 200  # before there is room again
TIGHT = ("max_connections=100", "min_wal_size=32MB", "max_wal_size=64MB")


@contextmanager
def small_disk() -> Iterator[Path]:
    """A file system of `SMALL` bytes that everybody may enter."""
    options = f"size={SMALL},mode=777"
    with tempfile.TemporaryDirectory(prefix="jieli-disk-") as place:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "-l", place], check=True)


def fill(disk: Path) -> Path:
    """Not a byte is left; the file that has to go."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file, suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, max(1, shutil.disk_usage(disk).free))
    with ballast.open("ab", 0) as file, suppress(OSError):
        while True:  # what others gave back meanwhile
            file.write(bytes(4096))
    return ballast


class Firm:
    """One web process on the small disk, people who post, and what they see."""

    def __init__(self, fleet: Fleet, disk: Path, rng: Random) -> None:
        self.fleet, self.disk, self.rng = fleet, disk, rng
        self.web = fleet.webs[0]
        self.load = Load(fleet)
        self.photos = 0
        self.recovered: list[float] = []
        self.wrong: list[str] = []

    async def suffer(self, make_room: Callable[[Path], None]) -> None:
        """Fill the disk under work, look at what people are told, make room, see it go on."""
        await self.load.more(self.rng.randint(1, 60))
        ballast = await asyncio.to_thread(fill, self.disk)
        enough = self.load.put_off.total() + self.rng.randint(CALLERS, MOST_REFUSALS)
        await self._until(lambda: self.load.put_off.total() > enough, "postings are put off")
        await self._looks("full", 503, await self._send_file())
        await self._looks("not ready", 503, await self._ask("/readyz"))
        await self._looks("alive", 200, await self._ask("/healthz"))
        await asyncio.to_thread(make_room, ballast)
        began = perf()
        await self.load.more(CALLERS + 1)  # whatever was answered before, this one is new
        self.recovered.append(perf() - began)
        await self.fleet.ready(self.web)
        await self._looks("room again", 201, await self._send_file())

    async def _until(self, happened: Callable[[], bool], what: str) -> None:
        began = perf()
        while not happened():
            assert perf() - began < PATIENCE, f"waited in vain: {what}"
            await asyncio.sleep(0.005)

    async def _ask(self, path: str) -> httpx.Response:
        while True:
            with suppress(httpx.TransportError):  # a refused upload took its connection along
                return await self.fleet.http.get(self.web.base + path)

    async def _send_file(self) -> httpx.Response:
        headers = self.fleet.headers("sunli", new_id(self.fleet.clock.now()))
        self.photos += 1
        content = PDF + str(self.photos).encode()
        return await self.fleet.http.post(
            self.web.base + "/api/files", files={"file": ("a.pdf", content)}, headers=headers
        )

    async def _looks(self, when: str, status: int, answer: httpx.Response) -> None:
        if answer.status_code != status:
            self.wrong.append(f"{when}: {answer.status_code} {answer.text[:300]}")


@asynccontextmanager
async def firm_on(disk: Path, folder: Path, url: str, rng: Random) -> AsyncIterator[Firm]:
    """Everything that grows lies on `disk`, logs beside it."""
    env = {"JIELI_FILES_DIR": str(disk / "files"), "TMPDIR": str(disk)}
    async with open_fleet(folder, webs=1, workers=0, url=url, env=env) as fleet:
        firm = Firm(fleet, disk, rng)
        try:
            yield firm
        finally:
            firm.load.give_up()


async def fill_sqlite(folder: Path, *, times: int, seed: int) -> Outcome:
    """The embedded database on the disk that is full `times` times."""
    with small_disk() as disk:
        url = f"sqlite:///{disk}/jieli.db"
        async with firm_on(disk, folder, url, Random(seed)) as firm:
            return await _suffer_often(firm, times, Path.unlink)


async def fill_postgres(folder: Path, *, times: int, seed: int) -> Outcome:
    """A PostgreSQL whose data lie on the disk; when it gave up, somebody starts it again."""
    with small_disk() as disk, postgres(TIGHT, within=disk) as server:

        def make_room(ballast: Path) -> None:
            ballast.unlink()
            if not server.is_running():
                server.start()

        url = server.url(server.create())
        async with firm_on(disk, folder, url, Random(seed)) as firm:
            return await _suffer_often(firm, times, make_room)


async def _suffer_often(firm: Firm, times: int, make_room: Callable[[Path], None]) -> Outcome:
    for _ in range(times):
        await firm.suffer(make_room)
    await firm.load.end()
    found = firm.wrong + await asyncio.to_thread(recount, firm.fleet.db, firm.load)
    left = [each.name for each in (firm.disk / "files").rglob("tmp*")]
    found += [f"half a file is left behind: {each}" for each in left]
    figures = {
        "times_full": times,
        "postings": len(firm.load.promised),
        "put_off": dict(firm.load.put_off),
        "recovered_max_s": round(max(firm.recovered), 2),
    }
    return found, figures


FILL: dict[str, Callable[..., Coroutine[Any, Any, Outcome]]] = {
    "sqlite": fill_sqlite,
    "postgres": fill_postgres,
}
