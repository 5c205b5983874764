"""What the push path stands beside: a bare `websockets` server that sends frames of the same size.

`python -m bench.bare PORT BYTES NOTES`. A text on /control is a card number and a scanner's number,
or -1 for everybody; the moment of each sending is written to NOTES at the end. No database, no
people, no history: the floor, not a product.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import orjson
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from core.clock import perf

EVERYBODY = -1


class Bare:
    """Everybody who is connected, in order of arrival."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.scanners: list[ServerConnection] = []
        self.sent: list[tuple[int, str, float]] = []

    async def door(self, socket: ServerConnection) -> None:
        if socket.request is not None and socket.request.path == "/control":
            async for text in socket:
                await self.push(*map(int, str(text).split()))
                await socket.send("done")
            return
        await socket.recv()
        self.scanners.append(socket)
        await socket.send('{"t":"inbox"}')
        async for _ in socket:  # acknowledgements and heartbeats
            pass

    async def push(self, number: int, to: int) -> None:
        head = f'{{"t":"event","after":0,"seq":{number},"card":"'
        card = f'{head}{"x" * (self.size - len(head) - 2)}"}}'
        self.sent.append((number, "", perf()))
        if to == EVERYBODY:
            broadcast(self.scanners, card)
        else:
            await self.scanners[to].send(card)


async def main(bare: Bare, port: int) -> None:
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    async with serve(bare.door, "127.0.0.1", port, compression=None):
        await done.wait()


if __name__ == "__main__":
    bare = Bare(int(sys.argv[2]))
    uvloop.run(main(bare, int(sys.argv[1])))
    Path(sys.argv[3]).write_bytes(orjson.dumps(bare.sent))
