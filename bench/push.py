"""From a commit to the scanners: fan-out to a thousand and one card to one of them.

Each beside a bare `websockets` server that sends frames of the same size, in the same run, round by
round, heard by the same crowd (bench/guns.py). perf.md §6 and §9 hold the gates.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench.arena import Arena, free_port, running, serving
from bench.guns import Guns, Heard, frames, masked
from bench.machine import cpu_seconds, memory_kb, pause, percentile
from bench.table import Gate, Result, milliseconds
from bench.wire import Client, open_loop, request
from core import people
from core.clock import HOUR, SystemClock, perf
from core.db import Database, Tx
from core.ids import new_id
from core.outbox.card import Card
from core.people import ENGINE, NewPerson
from core.tasks.board import NewTask, open_task
from core.tasks.policy import Policy, Rung

ROUNDS = 4
SINGLE_POSTS = 1_000
COLD_POSTS = 50  # before those: a server's first statements, a second of its life, told apart
SINGLE_PER_SECOND = 50.0
IDLE_SECONDS = 8.0
EVERYBODY = -1

Hear = dict[int, list[float]]


@dataclass(slots=True)
class Side:
    """One of the two servers, and what is measured of it."""

    process: subprocess.Popen[bytes]
    port: int
    notes: Path
    guns: Guns | None = None
    kb: float = 0.0  # per idle connection
    idle_cpu: float = 0.0  # share of a core
    spent: float = 0.0  # CPU seconds while pushing
    seconds: float = 0.0
    sent: list[float] = field(default_factory=list)
    heard: Hear = field(default_factory=dict)
    client: float = 0.0  # CPU seconds of the crowd while pushing
    answers: list[float] = field(default_factory=list)  # seconds from a POST to its answer

    def connect(self, hellos: Sequence[bytes]) -> None:
        """Everybody comes; what an idle one costs."""
        before = memory_kb(self.process.pid)
        self.guns = Guns(self.port, hellos)
        self.kb = (memory_kb(self.process.pid) - before) / len(hellos)

    def rest(self) -> None:
        """What they cost when nothing happens but heartbeats."""
        before = cpu_seconds(self.process.pid)
        pause(IDLE_SECONDS)
        self.idle_cpu = (cpu_seconds(self.process.pid) - before) / IDLE_SECONDS

    def during(self, push: Callable[[], list[float]]) -> None:
        """Push, and note what was heard and what it cost the server."""
        assert self.guns is not None
        self.guns.heard()
        begun, cpu = perf(), cpu_seconds(self.process.pid)
        self.sent += push()
        pause(1.0)  # the last frames
        self.spent += cpu_seconds(self.process.pid) - cpu
        self.seconds += perf() - begun
        found: Heard = self.guns.heard()
        self.heard |= found.at
        self.client += found.cpu

    @property
    def frames(self) -> int:
        return sum(map(len, self.heard.values()))

    @property
    def cpu_us(self) -> float:
        """CPU of the server per frame, heartbeats taken off."""
        return (self.spent - self.idle_cpu * self.seconds) / max(self.frames, 1) * 1e6

    @property
    def client_us(self) -> float:
        return self.client / max(self.frames, 1) * 1e6

    def told(self) -> list[tuple[int, str, float]]:
        """Once it has stopped: (number, subject, moment) of each thing that was to be told."""
        return [(n, what, at) for n, what, at in orjson.loads(self.notes.read_bytes())]


def fan_out(arena: Arena, scanners: int, each_round: int, per_second: float) -> list[Result]:
    """A comment on a task that `scanners` show, beside `websockets.broadcast` of such frames."""
    hellos = devices(arena, [arena.worker] * scanners)
    with _both(arena, task_of(arena, arena.worker)) as (ours, bare, task):
        for side in (ours, bare):
            side.connect(hellos)
            side.rest()
        for _ in range(ROUNDS):
            ours.during(lambda: _comment(ours.port, arena, task, each_round, per_second))
            bare.during(lambda: _tell(EVERYBODY, bare, each_round, per_second))
        _close(ours, bare)
    begun = [at for _, what, at in ours.told() if what == f"task:{task}"][-len(ours.sent) :]
    lost = 2 * ROUNDS * each_round * scanners - ours.frames - bare.frames
    return _fan_out_lines(scanners, ours, bare, begun, lost)


def _fan_out_lines(
    scanners: int, ours: Side, bare: Side, begun: list[float], lost: int
) -> list[Result]:
    mine = _after(begun, ours.heard)
    theirs = _after([at for _, _, at in bare.told()], bare.heard)
    whole = _after(ours.sent, ours.heard)
    p99 = percentile(mine.all, 0.99) / percentile(theirs.all, 0.99)
    facts = {
        "lost": lost,
        "commit_to_frame": mine.facts,
        "post_to_frame": whole.facts,
        "bare": theirs.facts,
        "cpu_us_per_message": [ours.cpu_us, bare.cpu_us],
        "kb_per_connection": [ours.kb, bare.kb],
        "idle_cpu": [ours.idle_cpu, bare.idle_cpu],
        "client_us_per_frame": [ours.client_us, bare.client_us],
    }
    gates = [Gate(p99, 2.0, unit="x raw p99")] if scanners == 1_000 else []
    busy = f"the client used {ours.client_us:.0f} / {bare.client_us:.0f} µs per frame"
    cost = f"{ours.cpu_us:.0f} µs/message (with POST and commit), {ours.kb:.0f} KB/connection"
    beside = f"{bare.cpu_us:.0f} µs/message, {bare.kb:.0f} KB/connection"
    return [
        Result(
            "push",
            f"commit → frame on {scanners:,} scanners; lost {lost}",
            f"{milliseconds(mine.all)}, last {mine.last_ms:.1f} ms",
            f"websockets.broadcast {milliseconds(theirs.all)}, last {theirs.last_ms:.1f} ms",
            tuple(gates),
            facts,
        ),
        Result("push", f"POST → frame on {scanners:,} scanners", milliseconds(whole.all), busy),
        Result("push", f"cost of {scanners:,}", cost, beside, (Gate(ours.kb, 40, unit=" KB"),)),
        Result(
            "push",
            f"{scanners:,} idle, heartbeat each 20 s",
            f"{ours.idle_cpu:.1%} of a core",
            f"{bare.idle_cpu:.1%}",
        ),
    ]


def one_to_one(arena: Arena, scanners: int = 1_000) -> list[Result]:
    """50 tasks a second, open loop, each handed over to one of 1,000 persons, each with a PDA."""
    everybody = persons(arena, scanners)
    hellos = devices(arena, everybody)
    posts = COLD_POSTS + SINGLE_POSTS
    tasks = [task_of(arena, arena.admin) for _ in range(posts)]
    with _both(arena, task_of(arena, arena.worker)) as (ours, bare, _):
        for side in (ours, bare):
            side.connect(hellos)
        turns = [n * 7919 % scanners for n in range(posts)]

        def hand_over(n: int) -> bytes:
            body = {"to_person": everybody[turns[n]], "note": "接力"}
            return post(arena, f"/api/tasks/{tasks[n]}/hand-over", body)

        def relay() -> list[float]:
            due, load = open_loop(ours.port, SINGLE_PER_SECOND, posts, hand_over)
            assert not load.refused, load.refused[:3]
            ours.answers += load.latencies[COLD_POSTS:]
            return due

        ours.during(relay)
        bare.during(lambda: _tell(turns, bare, posts, SINGLE_PER_SECOND))
        _close(ours, bare)
    number = {what: n for n, what, _ in ours.told() if what.startswith("task:")}
    heard = [ours.heard.get(number[f"task:{task}"], []) for task in tasks]
    return _one_to_one_lines(scanners, ours, bare, heard)


def _one_to_one_lines(
    scanners: int, ours: Side, bare: Side, heard: list[list[float]]
) -> list[Result]:
    theirs = [bare.heard.get(n, []) for n in range(len(heard))]
    lost = sum(not moments for moments in (*heard, *theirs))
    cold = _after(ours.sent[:COLD_POSTS], dict(enumerate(heard[:COLD_POSTS])))
    mine = _after(ours.sent[COLD_POSTS:], dict(enumerate(heard[COLD_POSTS:])))
    raw = _after(bare.sent[COLD_POSTS:], dict(enumerate(theirs[COLD_POSTS:])))
    ratio = percentile(mine.all, 0.5) / percentile(raw.all, 0.5)
    p99 = percentile(mine.all, 0.99) * 1e3
    facts = {"lost": lost, "post_to_frame": mine.facts, "bare": raw.facts, "ratio_p50": ratio}
    facts |= {"cpu_us_per_post": ours.cpu_us, "answer_ms": _Late(ours.answers).facts}
    return [
        Result(
            "push",
            f"POST of a hand-over → card on one of {scanners:,}, 50/s; lost {lost}",
            f"{milliseconds(mine.all)}; answer {milliseconds(ours.answers)}",
            f"raw websockets 1:1 {milliseconds(raw.all)}",
            (Gate(ratio, 8, unit="x raw p50"), Gate(p99, 25, unit=" ms p99")),
            facts | {"cold": cold.facts},
        ),
        Result(
            "push",
            f"the {COLD_POSTS} before those, the first writes of that process",
            milliseconds(cold.all),
            "–",
        ),
    ]


class _Late:
    """Latencies in seconds, all and of the last scanner of each push."""

    def __init__(self, seconds: list[float], last: Sequence[float] = ()) -> None:
        self.all = seconds
        self.last_ms = statistics.median(last) * 1e3 if last else 0.0

    @property
    def facts(self) -> dict[str, float]:
        p50, p99 = percentile(self.all, 0.5), percentile(self.all, 0.99)
        return {"p50_ms": p50 * 1e3, "p99_ms": p99 * 1e3, "last_ms": self.last_ms}


def _after(begun: list[float], heard: Hear) -> _Late:
    """The n-th push began at `begun[n]` and has the n-th number that was heard."""
    pairs = list(zip(begun, (heard[n] for n in sorted(heard)), strict=True))
    late = [at - start for start, moments in pairs for at in moments]
    return _Late(late, [max(moments) - start for start, moments in pairs if moments])


# -- the two servers -----------------------------------------------------------------------------
@contextmanager
def _both(arena: Arena, task: str) -> Iterator[tuple[Side, Side, str]]:
    """Ours and a bare one whose frames are as long as ours."""
    notes = arena.folder / f"ours-{task}", arena.folder / f"bare-{task}"
    command = [sys.executable, "-m", "bench.noted", str(notes[0])]
    with serving(arena, command) as (process, port):
        ours = Side(process, port, notes[0])
        [hello] = devices(arena, [arena.worker])
        one = Guns(port, [hello])
        _comment(port, arena, task, 3, 20.0)
        pause(0.5)
        size = one.heard().bytes
        one.close()
        other = free_port()
        words = [sys.executable, "-m", "bench.bare", str(other), str(size), str(notes[1])]
        with running(words, arena.folder / "bare.log", other) as bare:
            yield ours, Side(bare, other, notes[1]), task


def _close(*sides: Side) -> None:
    for side in sides:
        assert side.guns is not None
        side.guns.close()


def _control(port: int) -> Client:
    """The socket over which the bare server is told what to send."""
    client = Client(port, 0)
    client.socket.sendall(
        b"GET /control HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert b" 101 " in client.socket.recv(4096)
    return client


def _tell(to: int | list[int], bare: Side, count: int, per_second: float) -> list[float]:
    """Tell the bare server to send cards; the moments of the telling."""
    control, first = _control(bare.port), len(bare.sent)
    sent, begun = [], perf()
    for n in range(count):
        pause(begun + n / per_second - perf())
        sent.append(perf())
        whom = to if isinstance(to, int) else to[n]
        control.socket.sendall(masked(f"{first + n} {whom}".encode()))
    done, got = 0, bytearray()
    while done < count:  # hanging up earlier would lose what it has not read yet
        got += control.socket.recv(65_536)
        done += sum(opcode == 1 for opcode, _ in frames(got))
    return sent


def _comment(port: int, arena: Arena, task: str, count: int, per_second: float) -> list[float]:
    """Comment on a task, at an even pace; the moments of the posting."""
    poster, sent, begun = Client(port, 0), [], perf()
    for n in range(count):
        pause(begun + n / per_second - perf())
        wire = post(arena, f"/api/tasks/{task}/comments", {"body": f"第 {n} 条"})
        sent.append(perf())
        poster.ask(wire)
        while (answer := poster.answer()) is None:
            pass
        assert answer[0] == 201, answer
    return sent


def post(arena: Arena, path: str, body: dict[str, Any]) -> bytes:
    key = new_id(SystemClock().now())
    return request(path, arena.token, key, json.dumps(body).encode())


# -- people and scanners -------------------------------------------------------------------------
def persons(arena: Arena, count: int) -> list[int]:
    def add(tx: Tx) -> list[int]:
        names = [f"p{n}" for n in range(count)]
        return [people.add_person(tx, ENGINE, NewPerson(n, n, ("warehouse",))) for n in names]

    return _write(arena, add)


def devices(arena: Arena, persons: Sequence[int]) -> list[bytes]:
    """One enrolled scanner for each, signed in; the frames they greet with."""

    def hello(tx: Tx, person: int) -> bytes:
        made = people.enrol_device(tx, people.make_enrol_code(tx, ENGINE, "枪"))
        session = people.open_session(tx, person, "pda", made.device_id)
        frame = {"t": "hello", "v": 1, "device_token": made.token, "session": session}
        return json.dumps(frame).encode()

    return _write(arena, lambda tx: [hello(tx, person) for person in persons])


def task_of(arena: Arena, person: int) -> str:
    """A task of one person."""
    name = new_id(SystemClock().now())
    rung = Rung(48 * HOUR, (f"person:{arena.admin}",))
    policy = Policy("bench", 400 * HOUR, rungs=(rung,))
    card = Card("来料待收货", lead="张江仓 3 号月台，供应商已到，请 30 分钟内收货")
    new = NewTask("bench", card.title, f"bench:{name}", (f"person:{person}",), policy, card)
    return _write(arena, lambda tx: open_task(tx, ENGINE, new).id)


def _write(arena: Arena, command: Callable[[Tx], Any]) -> Any:
    db = Database(arena.url, SystemClock())
    try:
        return db.write_now(command)
    finally:
        db.close()
