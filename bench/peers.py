"""The same move of goods asked of Tryton and of us, on one PostgreSQL, in turns (perf.md §9).

Tryton 8.2 (GPL-3) comes from PyPI into an environment of its own that ends with the part, under
gunicorn with two processes of four threads. A move there is two requests, as its clients make it:
written down, then done, of its cheapest kind, from "lost and found" to a bin. It does more for a
move than we do (permissions, costs), so the figures say what a move costs its user, no more.
GreaterWMS, beside which perf.md wants fifteen times as much, is in no package registry.
"""

from __future__ import annotations

import base64
import json
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil

from bench.arena import Arena, free_port, running, serving
from bench.machine import cpu_seconds
from bench.pg import Pgbench
from bench.postings import moves_of
from bench.table import Gate, Result, milliseconds
from bench.wire import Load, closed_loop
from core.clock import perf

PACKAGES = ("trytond[postgresql]==8.2.*", "trytond_stock==8.2.*", "gunicorn")
DATABASE, PASSWORD = "tryton", "bench-only"
SECONDS = 10.0
GOODS = 100
TIMES = 15  # as often as perf.md §9 wants beside GreaterWMS


@dataclass(slots=True)
class Tryton:
    """Its JSON-RPC door on a loopback port, over one connection."""

    port: int
    session: str = ""
    _wire: HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self._wire = HTTPConnection("127.0.0.1", self.port, timeout=60)

    def log_in(self) -> None:
        user, token, *_ = self.call("common.db.login", "admin", {"password": PASSWORD})
        self.session = base64.b64encode(f"admin:{user}:{token}".encode()).decode()

    def call(self, method: str, *params: Any) -> Any:
        """What it answers; an AssertionError with its own words when it refuses."""
        head = {"Content-Type": "application/json"}
        if self.session:
            head["Authorization"] = f"Session {self.session}"
        body = json.dumps({"id": 1, "method": method, "params": params})
        self._wire.request("POST", f"/{DATABASE}/rpc/", body, head)
        answer = self._wire.getresponse()
        text = answer.read()
        assert answer.status == 200, f"{method}: {answer.status} {text[:300]!r}"
        said = json.loads(text)
        if isinstance(said, dict):
            assert not said.get("error"), f"{method}: {said['error']}"
            return said["result"]
        return said

    def model(self, name: str, verb: str, *params: Any) -> Any:
        return self.call(f"model.{name}.{verb}", *params, {})

    def first(self, name: str, field_name: str, value: str) -> int:
        found: int = self.model(name, "search", [[field_name, "=", value]])[0]
        return found


@dataclass(frozen=True, slots=True)
class Shop:
    """Ids in Tryton of what a move names, and who may ask."""

    session: str
    company: int
    unit: int
    source: int
    target: int
    goods: tuple[int, ...]

    def move(self, by: Tryton, n: int) -> None:
        """One unit of the n-th goods from "lost and found" to the bin."""
        values = {
            "company": self.company,
            "product": self.goods[n % GOODS],
            "unit": self.unit,
            "quantity": 1,
            "from_location": self.source,
            "to_location": self.target,
        }
        made = by.model("stock.move", "create", [values])
        by.model("stock.move", "do", made)


def peers(arena: Arena, pg: Pgbench, rounds: int) -> list[Result]:
    """Moves per second and CPU of a move, one and eight clients, ours and theirs in turns."""
    with _tryton(arena.folder, pg) as (theirs, their_port), serving(arena) as (ours, port):
        shop = furnish(Tryton(their_port))
        closed_loop(port, 8, 2.0, moves_of(arena))
        _loop(their_port, shop, 8, 2.0)
        us = Side(ours.pid, lambda clients: closed_loop(port, clients, SECONDS, moves_of(arena)))
        them = Side(theirs.pid, lambda clients: _loop(their_port, shop, clients, SECONDS))
        lines = [_compare(clients, rounds, us, them) for clients in (1, 8)]
        done = Tryton(their_port, shop.session).model(
            "stock.move", "search_count", [["state", "=", "done"]]
        )
        told = sum(line.facts["their_moves"] for line in lines)
        assert done >= told, f"Tryton said {told} times that it is done and has {done} moves"
        return lines


@dataclass(frozen=True, slots=True)
class Side:
    """A server and the load of so many clients on it."""

    pid: int
    load: Callable[[int], Load]

    def round(self, clients: int) -> tuple[Load, float]:
        """What was seen, and seconds of CPU of a move."""
        before = _cpu(self.pid)
        load = self.load(clients)
        assert not load.refused, load.refused[:3]
        return load, (_cpu(self.pid) - before) / len(load.latencies)


def _compare(clients: int, rounds: int, us: Side, them: Side) -> Result:
    mine, others = [], []
    for _ in range(rounds):
        others.append(them.round(clients))
        mine.append(us.round(clients))
    rate, their_rate = (statistics.median(load.rate for load, _ in each) for each in (mine, others))
    gates = (Gate(rate / their_rate, TIMES, at_least=True, unit=" x Tryton"),)
    return Result(
        "peers",
        f"a move of goods, {clients} clients",
        _figure(mine),
        f"Tryton 8.2: {_figure(others)}",
        gates,
        {
            "rate": rate,
            "their_rate": their_rate,
            "clients": clients,
            "their_moves": sum(len(load.latencies) for load, _ in others),
        },
    )


def _figure(rounds: list[tuple[Load, float]]) -> str:
    latencies = [each for load, _ in rounds for each in load.latencies]
    cpu = statistics.median(spent for _, spent in rounds) * 1e3
    rate = statistics.median(load.rate for load, _ in rounds)
    return f"{rate:,.1f}/s, {milliseconds(latencies)}, {cpu:.2f} ms CPU"


def _loop(port: int, shop: Shop, clients: int, seconds: float) -> Load:
    """Closed loop of `clients` threads; a latency is that of a whole move, both requests."""
    load, begun = Load(), perf()

    def client(number: int) -> None:
        by = Tryton(port, shop.session)
        n = number
        while perf() - begun < seconds:
            asked = perf()
            shop.move(by, n)
            load.latencies.append(perf() - asked)
            n += clients

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    load.seconds = perf() - begun
    return load


def _cpu(pid: int) -> float:
    """Seconds that a process and those it started have used."""
    head = psutil.Process(pid)
    return sum(cpu_seconds(each.pid) for each in [head, *head.children(recursive=True)])


def furnish(by: Tryton) -> Shop:
    """A company, a bin and goods, written through Tryton's own door."""
    by.log_in()
    currency = {"name": "Renminbi", "code": "CNY", "symbol": "¥"}
    (money,) = by.model("currency.currency", "create", [currency])
    (party,) = by.model("party.party", "create", [{"name": "Bench"}])
    (company,) = by.model("company.company", "create", [{"party": party, "currency": money}])
    user = by.first("res.user", "login", "admin")
    by.model("res.user", "write", [user], {"companies": [["add", [company]]], "company": company})
    unit = by.first("product.uom", "symbol", "u")
    kinds = [
        {
            "name": f"X{n:06d}",
            "type": "goods",
            "default_uom": unit,
            "products": [["create", [{}]]],
        }
        for n in range(GOODS)
    ]
    by.model("product.template", "create", kinds)
    goods = by.model("product.product", "search", [])
    store = by.first("stock.location", "code", "STO")
    place = {"name": "A-1", "type": "storage", "parent": store}
    (target,) = by.model("stock.location", "create", [place])
    source = by.first("stock.location", "type", "lost_found")
    return Shop(by.session, company, unit, source, target, tuple(goods))


@contextmanager
def _tryton(folder: Path, pg: Pgbench) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Tryton installed, its database made, served."""
    home = folder / "tryton"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    python = str(home / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    pg.database(DATABASE)
    settings, password = home / "trytond.conf", home / "password"
    settings.write_text(f"[database]\nuri = postgresql://postgres@/?host={pg.host}\n")
    password.write_text(PASSWORD)
    env = {
        "TRYTOND_CONFIG": str(settings),
        "TRYTOND_DATABASE_NAMES": DATABASE,
        "TRYTONPASSFILE": str(password),
    }
    make = [str(home / "bin" / "trytond-admin"), "-c", str(settings), "-d", DATABASE]
    make += ["-u", "stock", "--activate-dependencies", "--email", "bench@example.com"]
    subprocess.run(make, check=True, env=os.environ | env)
    port = free_port()
    serve = [python, "-m", "gunicorn", "-w", "2", "--threads", "4", "-b", f"127.0.0.1:{port}"]
    command = [*serve, "trytond.application:app"]
    with running(command, folder / "tryton.log", port, env) as process:
        yield process, port
