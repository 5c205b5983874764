"""R7 on a real link: scanners in one network namespace, the door in another, a veth pair between.

The link is set down under traffic: the kernel drops every packet and says nothing, as when a
scanner walks behind a shelf. Needs root and iproute2.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any, TypeVar

from tests.stories.fleet import open_fleet
from tests.torture.gun import Rude, enrolled
from tests.torture.network import LOGINS, Floor, figures_of, judge, weather

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
DOOR, HALL = "10.203.0.1", "10.203.0.2"  # inside the two namespaces; nobody else sees them
LONGEST = 1.5  # seconds that the link is down
PATIENCE = 1.0  # of a scanner; TCP itself would wait for minutes


def why_not() -> str:
    """Why no link can be made here; empty when it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "iproute2 is not installed"
    tried = subprocess.run(["ip", "netns", "add", _name("try")], capture_output=True, check=False)
    if tried.returncode:
        return f"ip netns: {tried.stderr.decode().strip()}"
    _ip("netns", "delete", _name("try"))
    return ""


def _name(what: str) -> str:
    return f"jieli-{os.getpid()}-{what}"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Cable:
    """Two namespaces and the link between them."""

    def __enter__(self) -> Cable:
        self._door, self._hall = _name("door"), _name("hall")
        for name in (self._door, self._hall):
            _ip("netns", "add", name)
        _ip(
            "-n", self._door, "link", "add", "v0", "type", "veth", "peer", "v0", "netns", self._hall
        )
        for name, address in ((self._door, DOOR), (self._hall, HALL)):
            _ip("-n", name, "address", "add", f"{address}/30", "dev", "v0")
            _ip("-n", name, "link", "set", "v0", "up")
        return self

    def __exit__(self, *_: object) -> None:
        for name in (self._door, self._hall):
            _ip("netns", "delete", name)

    def listen(self) -> socket.socket:
        """A socket at the door's end."""
        return _inside(self._door, lambda: socket.create_server((DOOR, 0)))

    async def dial(self, port: int) -> Rude:
        """A scanner's connection from the hall's end."""
        sock = await asyncio.to_thread(_inside, self._hall, socket.socket)
        try:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, (DOOR, port))
            return await Rude.dial(f"ws://{DOOR}:{port}/ws/pda", sock)
        except BaseException:
            sock.close()
            raise

    def set(self, state: str) -> None:
        """`down` or `up`."""
        _ip("-n", self._hall, "link", "set", "v0", state)


def _inside(name: str, make: Callable[[], T]) -> T:
    """What `make` makes, in a namespace: a socket stays in the one it was made in."""

    def run() -> T:
        place = os.open(Path("/run/netns") / name, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(place, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            return make()
        finally:
            os.close(place)

    with ThreadPoolExecutor(1) as thread:  # the namespace is the thread's, and ends with it
        return thread.submit(run).result()


async def unplug(
    folder: Path, *, cuts: int, seed: int, guns: int = 6
) -> tuple[list[str], dict[str, Any]]:
    """Set the link down `cuts` times under traffic: (what is wrong, figures)."""
    rng = Random(seed)
    with Cable() as cable:
        async with (
            open_fleet(folder, webs=1, workers=0) as fleet,
            weather(fleet, rng, 0.0, cable.listen()) as net,
        ):
            made = [
                await enrolled(
                    fleet, LOGINS[n % 2], lambda: cable.dial(net.port), patience=PATIENCE
                )
                for n in range(guns)
            ]
            floor = Floor(fleet, rng, made)
            for _ in range(cuts):
                await floor.more(rng.randint(1, 6))
                await asyncio.to_thread(cable.set, "down")
                await asyncio.sleep(rng.uniform(0.02, LONGEST))
                await asyncio.to_thread(cable.set, "up")
            await floor.end()
            found = await judge(fleet, floor)
    return found, {"link_cuts": cuts, **figures_of(floor)}
