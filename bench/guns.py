"""Thousands of scanners as one epoll loop in a process of its own, so that it is not what is slow.

Frames are cut out of the bytes by hand and only an event's number is read. It greets, acknowledges
each event and sends heartbeats as the scanner's page does. Not for scans (bench/scanners.py).
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import select
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from bench.machine import cpu_seconds
from core.clock import perf
from pda.protocol import HEARTBEAT_SECONDS

AT_ONCE = 50  # connections being opened at the same time
TIMEOUT = 120.0
_SEQ = b'"seq":'
_READY = (b'{"t":"inbox"', b'{"t":"resumed"')
_PING = b'{"t":"ping","n":1}'


def masked(text: bytes) -> bytes:
    """A client's text frame; a mask of zeros is a mask too."""
    if len(text) < 126:
        return bytes((0x81, 0x80 | len(text))) + b"\0\0\0\0" + text
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + b"\0\0\0\0" + text


def frames(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Cut whole frames (opcode, payload) off the front of what a server sent."""
    while len(buffer) >= 2:
        size, start = buffer[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start + size:
            return
        opcode, payload = buffer[0] & 0x0F, bytes(buffer[start : start + size])
        del buffer[: start + size]
        yield opcode, payload


class _Gun:
    """One connection."""

    __slots__ = ("buffer", "hello", "is_open", "is_ready", "next_ping", "socket")

    def __init__(self, port: int, path: str, hello: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.hello = bytearray(), hello
        self.is_open = self.is_ready = False
        self.next_ping = 0.0
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )

    def hear(self) -> Iterator[bytes]:
        """Whole text frames; the upgrade and the server's pings are answered here."""
        part = self.socket.recv(262_144)
        assert part, "the server hung up on a scanner"
        self.buffer += part
        if not self.is_open:
            head, found, rest = bytes(self.buffer).partition(b"\r\n\r\n")
            if not found:
                return
            assert b" 101 " in head.split(b"\r\n")[0], head
            self.buffer, self.is_open = bytearray(rest), True
            self.socket.sendall(masked(self.hello))
        for opcode, payload in frames(self.buffer):
            if opcode == 9:
                self.socket.sendall(bytes((0x8A, 0x80 | len(payload))) + b"\0\0\0\0" + payload)
            assert opcode != 8, f"the server closed: {payload!r}"
            if opcode == 1:
                yield payload


@dataclass(slots=True)
class Heard:
    """What all scanners together heard since the last asking."""

    at: dict[int, list[float]] = field(default_factory=dict)  # event's number → moments
    bytes: int = 0  # of one event frame, the largest
    cpu: float = 0.0  # seconds that the loop used


class _Crowd:
    """The loop of the process: sockets and the parent's pipe under one epoll."""

    def __init__(self, port: int, path: str, hellos: Sequence[bytes], pipe: Connection) -> None:
        self.port, self.path, self.pipe = port, path, pipe
        self.waiting = list(reversed(hellos))
        self.guns: dict[int, _Gun] = {}
        self.ready = 0
        self.opening = 0
        self.heard = Heard()
        self.since = cpu_seconds(os.getpid())
        self.poll = select.epoll()

    def run(self) -> None:
        self.poll.register(self.pipe.fileno(), select.EPOLLIN)
        self._open_more()
        while True:
            for fd, _ in self.poll.poll(0.1):
                if fd == self.pipe.fileno():
                    if self.pipe.recv() is None:
                        return
                    self._report()
                else:
                    self._listen(self.guns[fd])
            self._heartbeats()

    def _open_more(self) -> None:
        while self.waiting and self.opening < AT_ONCE:
            gun = _Gun(self.port, self.path, self.waiting.pop())
            self.guns[gun.socket.fileno()] = gun
            self.poll.register(gun.socket.fileno(), select.EPOLLIN)
            self.opening += 1

    def _listen(self, gun: _Gun) -> None:
        for text in gun.hear():
            at = text.find(_SEQ)
            if text.startswith(b'{"t":"event"'):
                now = perf()
                number = text[at + 6 : at + 26].partition(b",")[0]
                self.heard.at.setdefault(int(number), []).append(now)
                self.heard.bytes = max(self.heard.bytes, len(text))
                gun.socket.sendall(masked(b'{"t":"ack","seq":' + number + b"}"))
            elif not gun.is_ready and text.startswith(_READY):
                self._is_ready(gun)

    def _is_ready(self, gun: _Gun) -> None:
        gun.is_ready = True
        self.ready += 1
        self.opening -= 1
        share = len(self.guns) * 0.618 % 1  # spread over the interval, as people switch on
        gun.next_ping = perf() + HEARTBEAT_SECONDS * share
        self._open_more()
        if not self.opening:
            self.pipe.send(self.ready)

    def _heartbeats(self) -> None:
        now = perf()
        for gun in self.guns.values():
            if gun.is_ready and gun.next_ping <= now:
                gun.next_ping += HEARTBEAT_SECONDS
                gun.socket.sendall(masked(_PING))

    def _report(self) -> None:
        cpu = cpu_seconds(os.getpid())
        self.heard.cpu = cpu - self.since
        self.pipe.send(self.heard)
        self.heard, self.since = Heard(), cpu


def _crowd(port: int, path: str, hellos: Sequence[bytes], pipe: Connection) -> None:
    gc.disable()  # a pause of ours would look like one of the server's
    _Crowd(port, path, hellos, pipe).run()


class Guns:
    """The parent's handle: opened in the constructor, ended by `close`."""

    def __init__(self, port: int, hellos: Sequence[bytes], path: str = "/ws/pda") -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self.process: Any = spawn.Process(target=_crowd, args=(port, path, hellos, theirs))
        self.process.start()
        theirs.close()
        assert self._pipe.poll(TIMEOUT), "the scanners did not connect in time"
        ready = self._pipe.recv()
        assert ready == len(hellos), f"{ready} of {len(hellos)} scanners are connected"

    def heard(self) -> Heard:
        """What was heard since the last asking."""
        self._pipe.send("report")
        found: Heard = self._pipe.recv()
        return found

    def close(self) -> None:
        """Hang up."""
        self._pipe.send(None)
        self.process.join(20)
