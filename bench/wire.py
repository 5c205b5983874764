"""A thrifty HTTP/1.1 client for load: keep-alive, no parsing beyond status and length."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from core.clock import perf


@dataclass(slots=True)
class Load:
    """What a closed-loop run saw: seconds per request, and answers that were not 2xx."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


def request(path: str, token: str, key: str, body: bytes) -> bytes:
    """The bytes of one authenticated POST."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Idempotency-Key: {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: bytes
) -> tuple[int, bytes]:
    """Send one request, read one answer: (status, body)."""
    writer.write(wire)
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lower = head.lower()
    at = lower.index(b"content-length:") + 15
    length = int(lower[at : lower.index(b"\r\n", at)])
    return status, await reader.readexactly(length)


async def closed_loop(
    port: int, clients: int, seconds: float, make: Callable[[int, int], bytes]
) -> Load:
    """`clients` connections, each sending its next request when the last one is answered.

    `make(client, n)` gives the wire bytes of a client's n-th request.
    """
    load = Load()
    begun = perf()

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        n = 0
        while perf() - begun < seconds:
            wire = make(number, n)
            n += 1
            sent = perf()
            status, body = await exchange(reader, writer, wire)
            load.latencies.append(perf() - sent)
            if status >= 300:
                load.refused.append(body)
        writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    load.seconds = perf() - begun
    return load
