"""A network that misbehaves: a TCP proxy that delays, splits, cuts, loses and half-opens.

Each connection draws its weather and one fault from the seed. TCP loses nothing, so a lost packet
is here what programs see of it: silence, then the end.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random  # noqa: TID251  # seeded: a failure names its seed

FAULTS = ("cut", "half", "loss")
MOST_UP, MOST_DOWN = 1_500, 6_000  # bytes until a fault; a hello and four scans are about 1,200
LOSS = 0.1  # of the pieces of a connection that loses
SLICE = 97  # bytes, when frames are split


@dataclass(slots=True)
class Fate:
    """What will happen to one connection: a fault after `left` bytes in one direction."""

    fault: str
    upward: bool
    left: int
    slowest: float
    split: bool

    @classmethod
    def draw(cls, rng: Random, slowest: float) -> Fate:
        upward = rng.random() < 0.5
        return cls(
            fault=rng.choice(FAULTS),
            upward=upward,
            left=rng.randint(0, MOST_UP if upward else MOST_DOWN),
            slowest=rng.choice((0.0, 0.0, slowest / 10, slowest)),
            split=rng.random() < 0.3,
        )

    def pieces(self, data: bytes) -> Iterator[bytes]:
        size = SLICE if self.split else len(data)
        return (data[at : at + size] for at in range(0, len(data), size))


class ChaosProxy:
    """Stands between scanners and one server. `struck` counts the faults that came to pass."""

    def __init__(self, target: int, rng: Random, slowest: float) -> None:
        self._target, self._rng, self._slowest = target, rng, slowest
        self.struck: Counter[str] = Counter()
        self.calm = True  # no faults
        self.port = 0
        self._links: set[asyncio.Task[None]] = set()

    async def start(self, sock: socket.socket | None = None) -> None:
        """Listen on loopback, or at `sock`."""
        if sock is None:
            sock = socket.create_server(("127.0.0.1", 0))
        self._server = await asyncio.start_server(self._accept, sock=sock)
        self.port = sock.getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for each in self._links:
            each.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._join(reader, writer))
        self._links.add(task)
        task.add_done_callback(self._links.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            with suppress(OSError):
                there, back = await asyncio.open_connection("127.0.0.1", self._target)
                ends.append(back)
                fate = Fate.draw(self._rng, self._slowest)
                await asyncio.gather(
                    self._pipe(reader, back, fate, upward=True),
                    self._pipe(there, writer, fate, upward=False),
                )
        finally:
            for each in ends:
                each.transport.abort()

    async def _pipe(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        fate: Fate,
        *,
        upward: bool,
    ) -> None:
        """One direction, until it ends or its fate ends it.

        Raises:
            ConnectionError: and so both directions end.
        """
        while data := await source.read(4096):
            if fate.slowest and not self.calm:
                await asyncio.sleep(self._rng.uniform(0, fate.slowest))
            for piece in fate.pieces(data):
                strikes = upward == fate.upward and self._strikes(fate, piece)
                kept = piece[: fate.left if fate.fault != "loss" else 0] if strikes else piece
                sink.write(kept)
                await sink.drain()
                if not strikes:
                    continue
                if fate.fault == "half":
                    await _swallow(source)
                    return
                if fate.fault == "loss":
                    await asyncio.sleep(self._rng.uniform(0, self._slowest))
                raise ConnectionAbortedError(fate.fault)
        raise ConnectionAbortedError("the other side left")

    def _strikes(self, fate: Fate, piece: bytes) -> bool:
        if self.calm:
            return False
        if fate.fault == "loss":
            strikes = self._rng.random() < LOSS
        elif strikes := len(piece) > fate.left:
            pass
        else:
            fate.left -= len(piece)
        self.struck[fate.fault] += strikes
        return strikes


async def _swallow(source: asyncio.StreamReader) -> None:
    """Nothing travels on any more, not even the end."""
    with suppress(OSError):
        while await source.read(4096):
            pass
