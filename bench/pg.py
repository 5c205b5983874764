"""The limit to compare with: one posting as one plpgsql call under pgbench, on the same machine.

A throw-away PostgreSQL cluster on a unix socket, run as an unprivileged user; when none is
installed, the same work in raw sqlite3 (`raw_sqlite_rate`).
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.machine import cpu_seconds
from core.clock import perf

SCHEMA = """
CREATE TABLE balance (id int PRIMARY KEY, on_hand bigint NOT NULL);
CREATE TABLE entry
  (id bigserial PRIMARY KEY, op bigint, balance_id int, delta bigint, after bigint);
CREATE TABLE idempotency (op bigint PRIMARY KEY, answer text);
CREATE TABLE outbox (id bigserial PRIMARY KEY, op bigint, body text);
CREATE SEQUENCE op_seq;
INSERT INTO balance SELECT i, 1000000000 FROM generate_series(1, 100000) i;
CREATE FUNCTION post(a int, b int, q bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE o bigint := nextval('op_seq'); x bigint; y bigint;
BEGIN
  INSERT INTO idempotency VALUES (o, 'ok');
  PERFORM 1 FROM balance WHERE id IN (a, b) ORDER BY id FOR UPDATE;
  UPDATE balance SET on_hand = on_hand - q WHERE id = a AND on_hand >= q RETURNING on_hand INTO x;
  UPDATE balance SET on_hand = on_hand + q WHERE id = b RETURNING on_hand INTO y;
  INSERT INTO entry (op, balance_id, delta, after) VALUES (o, a, -q, x), (o, b, q, y);
  INSERT INTO outbox (op, body) VALUES (o, 'posted');
END $$;
"""
SCRIPT = """\\set a random(1, 50000)
\\set b random(50001, 100000)
SELECT post(:a, :b, 1);
"""


def binaries() -> Path | None:
    """The folder with initdb and pgbench, newest version first; None when not installed."""
    found = shutil.which("pgbench")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if (place / "initdb").exists() and (place / "pgbench").exists():
            return place
    return None


class Pgbench:
    """A running throw-away server."""

    def __init__(self, bin_dir: Path, folder: Path, user: str | None) -> None:
        self._bin, self._folder, self._user = bin_dir, folder, user

    @property
    def host(self) -> str:
        """The folder of its socket."""
        return str(self._folder)

    def cpu_seconds(self) -> float:
        """What the server and its backends have used so far."""
        lines = (self._folder / "data" / "postmaster.pid").read_text().splitlines()
        head = psutil.Process(int(lines[0]))
        gone = head.cpu_times()
        living = sum(cpu_seconds(each.pid) for each in [head, *head.children()])
        return living + gone.children_user + gone.children_system

    def database(self, name: str, template: str = "template1") -> str:
        """A fresh database of ours on this server, a copy of `template`; its address."""
        self.call("createdb", "-h", self.host, "-U", "postgres", "-T", template, name)
        return f"postgresql://postgres@/{name}?host={self._folder}"

    @contextmanager
    def standby(self, name: str) -> Iterator[str]:
        """A streaming replica of this server for the time of the block; its database `name`."""
        folder = self._folder / "standby"
        data, log = str(folder / "data"), str(folder / "log")
        self.call(
            "pg_basebackup", "-h", self.host, "-U", "postgres", "-D", data, "-R", "-X", "stream"
        )
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c hot_standby=on"
        self.call("pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
        try:
            yield f"postgresql://postgres@/{name}?host={folder}"
        finally:
            self.call("pg_ctl", "-D", data, "-m", "immediate", "stop")

    def analyze(self, url: str) -> None:
        """A database of ours as it is when it has had a minute to itself."""
        name = url.split("?", maxsplit=1)[0].rpartition("/")[2]
        self.call("vacuumdb", "-h", self.host, "-U", "postgres", "-z", name)

    def call(self, program: str, *words: str, text: str = "") -> str:
        done = subprocess.run(
            [str(self._bin / program), *words],
            input=text,
            capture_output=True,
            text=True,
            user=self._user,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            cwd=self._folder,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"
        return done.stdout

    def rate(self, clients: int, seconds: int) -> float:
        """Durable postings per second with `clients` connections."""
        script = self._folder / "post.sql"
        script.write_text(SCRIPT)
        script.chmod(0o644)
        words = (
            f"-n -h {self._folder} -c {clients} -j 2 -T {seconds} -f {script} -U postgres postgres"
        )
        out = self.call("pgbench", *words.split())
        match = re.search(r"tps = ([0-9.]+)", out)
        assert match, out
        return float(match.group(1))


@contextmanager
def server() -> Iterator[Pgbench | None]:
    """A fresh cluster for the time of the block; None when PostgreSQL is not installed."""
    bin_dir = binaries()
    if bin_dir is None:
        yield None
        return
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="jieli-pg-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        pg = Pgbench(bin_dir, folder, user)
        data = folder / "data"
        pg.call("initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8")
        options = (
            f"-c listen_addresses='' -c unix_socket_directories={folder} -c max_connections=60"
        )
        log = str(folder / "log")
        pg.call("pg_ctl", "-D", str(data), "-l", log, "-w", "-o", options, "start")
        try:
            connect = ["-q", "-h", name, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "postgres"]
            pg.call("psql", *connect, text=SCHEMA)
            yield pg
        finally:
            pg.call("pg_ctl", "-D", str(data), "-m", "immediate", "stop")


def raw_sqlite_rate(seconds: float) -> float:
    """The same work in raw sqlite3, synchronous=FULL, one transaction each; postings per second."""
    with tempfile.TemporaryDirectory(prefix="jieli-raw-") as folder:
        db = sqlite3.connect(f"{folder}/raw.db", isolation_level=None)
        db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE balance (id INTEGER PRIMARY KEY, on_hand INT);"
            "CREATE TABLE entry (id INTEGER PRIMARY KEY, op INT, b INT, delta INT, after INT);"
            "CREATE TABLE idempotency (op INTEGER PRIMARY KEY, answer TEXT);"
            "CREATE TABLE outbox (id INTEGER PRIMARY KEY, op INT, body TEXT);"
        )
        db.execute("BEGIN")
        db.executemany("INSERT INTO balance VALUES (?, 1000000000)", [(i,) for i in range(100_000)])
        db.execute("COMMIT")
        begun, op = perf(), 0
        while perf() - begun < seconds:
            op += 1
            a, b = op * 7919 % 50_000, 50_000 + op * 104_729 % 50_000
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO idempotency VALUES (?, 'ok')", (op,))
            db.execute("UPDATE balance SET on_hand=on_hand-1 WHERE id=? AND on_hand>=1", (a,))
            db.execute("UPDATE balance SET on_hand=on_hand+1 WHERE id=?", (b,))
            rows = [(op, a, -1), (op, b, 1)]
            db.executemany("INSERT INTO entry (op, b, delta) VALUES (?, ?, ?)", rows)
            db.execute("INSERT INTO outbox (op, body) VALUES (?, 'posted')", (op,))
            db.execute("COMMIT")
        rate = op / (perf() - begun)
        db.close()
        return rate
