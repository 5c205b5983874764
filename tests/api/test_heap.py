"""A server's memory: large pages, nothing kept for nothing, and nobody waits for the collector."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.server import ServerProtocol

from api.heap import GLANCE, QUIET, SETTING, is_quiet, look_is_due, use_large_pages
from api.packets import OnePacket
from api.process import uvicorn_options
from api.sockets import LetGo
from core.config import Settings

PROGRAM = """
import ctypes, sys
from api.heap import LARGE, keep_flat

class Info(ctypes.Structure):
    _fields_ = [(f"f{n}", ctypes.c_size_t) for n in range(10)]  # the fourth: mappings

info = ctypes.CDLL(None).mallinfo2
info.restype = Info
if sys.argv[1] == "flat":
    keep_flat()
bytearray(8 * LARGE)  # freed at once: glibc learns from it
before = info().f3
kept = [bytearray(2 * LARGE) for _ in range(10)]
print(info().f3 - before)
"""


@pytest.mark.parametrize(("how", "most_are"), [("flat", True), ("as it comes", False)])
def test_a_large_buffer_goes_back_to_the_system(how: str, most_are: bool) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
    )
    assert (int(ran.stdout) > 5) is most_are  # the imports may have left a gap or two


HOLES = """
import sys
from api.heap import give_back, keep_flat

def in_use():
    with open("/proc/self/smaps_rollup") as rollup:
        return next(int(line.split()[1]) for line in rollup if line.startswith("Rss:"))

keep_flat()
kept = [bytearray(30_000) for _ in range(2_000)]
full = in_use()
kept = kept[::20]  # what stays lies between what goes
before = in_use()
if sys.argv[1] == "given back":
    give_back()
print(full - before < 20_000, before - in_use() > 30_000)
"""


@pytest.mark.parametrize(("how", "gone"), [("given back", True), ("as it comes", False)])
def test_what_lies_free_between_neighbours_in_use_goes_back(how: str, gone: bool) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", HOLES, how], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["True", str(gone)]


SETTLED = """
import gc, mmap
from api.heap import PAGE, use_large_pages

def in_large_pages():
    with open("/proc/self/smaps_rollup") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith("AnonHugePages"))

def region(pages, access=mmap.PROT_READ | mmap.PROT_WRITE):
    return mmap.mmap(-1, pages * PAGE, flags=mmap.MAP_PRIVATE, prot=access)

# Without a wall between them the system would make one region of them.
used, wall = region(8), region(1, mmap.PROT_READ)
idle, floor = region(64), region(1, mmap.PROT_READ)
for at in range(0, 8 * PAGE, 4096):
    used[at] = 1
before = in_large_pages()
asked = use_large_pages()
print(asked >= 8 * PAGE, asked < 64 * PAGE, in_large_pages() - before >= 6 * PAGE // 1024)
"""


def test_what_is_in_use_moves_into_large_pages_and_what_is_not_stays_untouched() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SETTLED], capture_output=True, text=True, check=True
    )
    has_them = SETTING.exists() and "[never]" not in SETTING.read_text()
    assert ran.stdout.split() == [str(has_them), "True", str(has_them)]


@pytest.mark.parametrize("setting", ["always madvise [never]", None])
def test_a_system_that_has_no_large_pages_or_wants_none_is_left_as_it_is(
    tmp_path: Path, setting: str | None
) -> None:
    if setting:
        (tmp_path / "enabled").write_text(setting)
    assert use_large_pages(tmp_path / "enabled") == 0


STORM = """
import gc, sys
from api.heap import settle

full = []
gc.callbacks.append(lambda phase, info: full.append(phase) if info["generation"] == 2 else None)
if sys.argv[1] == "settled":
    settle()
full.clear()
scanners = [[[] for _ in range(10)] for _ in range(30_000)]
print(len(full) > 0)
"""


@pytest.mark.parametrize(("how", "looked_through"), [("settled", False), ("as it comes", True)])
def test_a_storm_of_scanners_is_not_made_to_wait_for_a_look_through_all_objects(
    how: str, looked_through: bool
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", STORM, how], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == [str(looked_through)]


def test_garbage_is_looked_for_when_nobody_asks_and_at_once_when_there_may_be_much() -> None:
    def quiet() -> bool:
        return True

    def busy() -> bool:
        return False

    assert not look_is_due(59, 1.24, quiet)
    assert look_is_due(1, 1.25, quiet)
    assert look_is_due(60, 1.0, quiet)
    assert not look_is_due(69, 1.99, busy)
    assert look_is_due(70, 1.0, busy)
    assert look_is_due(1, 2.0, busy)


def test_a_process_that_computes_is_not_quiet() -> None:
    def first_look_at_work() -> bool:
        """Of a look in which a busy machine did let us compute; it may not for a while."""
        for _ in range(100):
            before = process_time()
            quiet = is_quiet()
            if process_time() - before > 2 * QUIET * GLANCE:
                return quiet
        raise AssertionError("this process was never let compute")

    async def go() -> bool:
        asking = asyncio.create_task(asyncio.to_thread(first_look_at_work))
        while not asking.done():
            sum(range(10_000))
            await asyncio.sleep(0)
        return asking.result()

    assert not asyncio.run(go())


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the test runner keeps its own


async def echo(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "websocket"
    while (said := await receive())["type"] != "websocket.disconnect":
        answer = {"type": "websocket.accept"}
        if said["type"] == "websocket.receive":
            answer = {"type": "websocket.send", "text": said["text"]}
        await send(answer)


async def test_a_scanner_that_hung_up_leaves_nothing_for_the_collector() -> None:
    options = uvicorn_options(Settings(_env_file=None)) | {"lifespan": "off"}
    server = _Server(uvicorn.Config(echo, **options))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # who comes before the server is up waits in line
        running = asyncio.create_task(server.serve(sockets=[listening]))
        address = f"ws://127.0.0.1:{listening.getsockname()[1]}/"
        gc.collect()
        gc.disable()
        try:
            for _ in range(10):
                async with connect(address) as scanner:
                    await scanner.send("收货")
                    assert await scanner.recv() == "收货"
            left = [type(each) for each in gc.get_objects()]
        finally:
            gc.enable()
        server.should_exit = True
        await running
    for kind in (OnePacket, LetGo, ServerProtocol):
        assert left.count(kind) <= 1  # the goodbye of the last may be on its way
