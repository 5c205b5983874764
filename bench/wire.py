"""A thrifty HTTP/1.1 client for load: keep-alive, no parsing beyond status and length."""

from __future__ import annotations

import asyncio
import select
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from core.clock import perf

FRESH_SECONDS = 3.0  # the server hangs up on a connection that was idle for five


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


def get(path: str, token: str) -> bytes:
    """The bytes of one authenticated GET."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    return head.encode()


class Pool:
    """So many keep-alive connections and no more; whoever asks waits for a free one."""

    def __init__(self, port: int, size: int) -> None:
        self._port = port
        self._free: asyncio.Queue[_Open | None] = asyncio.Queue()
        for _ in range(size):
            self._free.put_nowait(None)

    async def ask(self, wire: bytes) -> tuple[int, bytes]:
        """(status, body)."""
        open_ = await self._free.get()
        try:
            if open_ is None or perf() - open_.used > FRESH_SECONDS:
                if open_ is not None:
                    open_.writer.close()
                open_ = _Open(*await asyncio.open_connection("127.0.0.1", self._port))
            answer = await exchange(open_.reader, open_.writer, wire)
            open_.used = perf()
            return answer
        finally:
            self._free.put_nowait(open_)


@dataclass(slots=True)
class _Open:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: float = 0.0

    def __post_init__(self) -> None:
        self.used = perf()


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


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int, number: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number, self.n, self.sent, self.got = number, 0, 0.0, b""

    def ask(self, wire: bytes) -> None:
        self.n += 1
        self.sent = perf()
        self.socket.sendall(wire)

    def answer(self) -> tuple[int, bytes] | None:
        """(status, body) once the whole answer is here."""
        part = self.socket.recv(65_536)
        assert part, "the server hung up"
        self.got += part
        head, found, body = self.got.partition(b"\r\n\r\n")
        if not found:
            return None
        lower = head.lower() + b"\r\n"
        at = lower.index(b"content-length:") + 15
        if len(body) < int(lower[at : lower.index(b"\r\n", at)]):
            return None
        self.got = b""
        return int(head[9:12]), body


def closed_loop(port: int, clients: int, seconds: float, make: Callable[[int, int], bytes]) -> Load:
    """`clients` connections, each sending its next request when the last one is answered.

    `make(client, n)` gives the wire bytes of a client's n-th request. Plain sockets under epoll:
    the load shares two cores with what it measures, so it must cost little.
    """
    load, poll = Load(), select.epoll()
    everybody = {each.socket.fileno(): each for each in (Client(port, n) for n in range(clients))}
    begun = perf()
    for fd, each in everybody.items():
        poll.register(fd, select.EPOLLIN)
        each.ask(make(each.number, each.n))
    asked = clients
    while asked:
        for fd, _ in poll.poll():
            each = everybody[fd]
            answer = each.answer()
            if answer is None:
                continue
            now = perf()
            load.latencies.append(now - each.sent)
            if answer[0] >= 300:
                load.refused.append(answer[1])
            if now - begun < seconds:
                each.ask(make(each.number, each.n))
            else:
                asked -= 1
    load.seconds = perf() - begun
    for each in everybody.values():
        each.socket.close()
    poll.close()
    return load


def open_loop(
    port: int, per_second: float, count: int, make: Callable[[int], bytes], clients: int = 16
) -> tuple[list[float], Load]:
    """`count` requests at an even pace, whatever the answers do; the moments they were due.

    A latency counts from when its request was due, also when every connection was busy then.
    """
    load = Load()
    idle = deque(Client(port, n) for n in range(clients))
    everybody = {each.socket.fileno(): each for each in idle}
    begun, sent = perf(), 0
    due = [begun + n / per_second for n in range(count)]
    while len(load.latencies) < count:
        while sent < count and idle and due[sent] <= perf():
            each = idle.popleft()  # in turn: the server hangs up on idle ones
            wire = make(sent)
            each.ask(wire)
            each.sent, sent = due[sent], sent + 1
        until = due[sent] - perf() if sent < count and idle else 1.0
        ready, _, _ = select.select(everybody, [], [], max(until, 0))  # epoll rounds up to 1 ms
        for fd in ready:
            each = everybody[fd]
            answer = each.answer()
            if answer is not None:
                load.latencies.append(perf() - each.sent)
                idle.append(each)
                if answer[0] >= 300:
                    load.refused.append(answer[1])
    load.seconds = perf() - begun
    for each in everybody.values():
        each.socket.close()
    return due, load
