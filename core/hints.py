"""Hints between processes: PostgreSQL's NOTIFY, or Redis where there is one.

Both gather what is to be said while the last word is still on its way, so a rush of commits costs a
few notifications; neither is inside a posting (perf.md §6: that made postings five times slower).
Whoever cannot be reached is asked again later; meanwhile the engine's sweep does the work.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import psycopg
import redis
from sqlalchemy.engine import make_url

from core.ids import secret_token
from core.postgres import LINK

log = logging.getLogger(__name__)

CHANNEL = "jieli"
AGAIN_SECONDS = 0.5  # between tries to reach a server that is away
LISTEN_SECONDS = 1.0  # how long one wait for a word lasts; then we look whether to stop

Hear = Callable[[Iterable[str]], None]


class Hints(ABC):
    """A thread that says and one that hears."""

    def __init__(self) -> None:
        self._waiting: set[str] = set()
        self._lock = threading.Lock()
        self._something = threading.Event()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._hear: Hear = lambda _: None
        self._me = secret_token(64)
        self._sender: Any = None

    def start(self, hear: Hear) -> None:
        self._hear = hear
        for run in (self._saying, self._hearing):
            thread = threading.Thread(target=run, name=f"hints-{run.__name__}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def say(self, topics: Iterable[str]) -> None:
        with self._lock:
            self._waiting.update(topics)
        self._something.set()

    def close(self) -> None:
        self._stopped.set()
        self._something.set()
        for thread in self._threads:
            thread.join(2 * LISTEN_SECONDS + 5)

    def _saying(self) -> None:
        while True:
            self._something.wait()
            self._something.clear()
            with self._lock:
                topics, self._waiting = self._waiting, set()
            if topics:
                try:
                    self._send(f"{self._me}|{','.join(sorted(topics))}")
                except Exception as problem:  # noqa: BLE001  # a hint may be lost
                    log.warning("hint_unsaid", extra={"why": type(problem).__name__})
                    self._drop_sender()
            if self._stopped.is_set():
                with suppress(Exception):
                    self._send(f"{self._me}|")  # our own ear hears it and looks up
                self._drop_sender()
                return

    def _hearing(self) -> None:
        while not self._stopped.is_set():
            try:
                self._listen()
            except Exception as problem:  # noqa: BLE001  # it is away; the sweep does the work
                log.warning("hints_unheard", extra={"why": type(problem).__name__})
                self._stopped.wait(AGAIN_SECONDS)

    def _heard(self, words: str) -> None:
        who, _, topics = words.partition("|")
        if who != self._me:  # what we said ourselves comes back
            self._hear(topics.split(","))

    def _drop_sender(self) -> None:
        """The next word needs a new connection."""
        if self._sender is not None:
            with suppress(Exception):
                self._sender.close()
            self._sender = None

    @abstractmethod
    def _send(self, words: str) -> None:
        """Say it now, or raise."""

    @abstractmethod
    def _listen(self) -> None:
        """Hear until stopped, or raise; begin with `_may_have_missed`."""

    def _may_have_missed(self) -> None:
        self._hear(ALL_TOPICS)


ALL_TOPICS = ("timer", "outbox", "inbox", "log")


class PostgresHints(Hints):
    """NOTIFY and LISTEN on connections of their own."""

    def __init__(self, url: str) -> None:
        super().__init__()
        plain = make_url(url).set(drivername="postgresql")
        self._url = plain.render_as_string(hide_password=False)

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url, autocommit=True, **LINK)

    def _send(self, words: str) -> None:
        if self._sender is None:
            self._sender = self._connect()
        self._sender.execute("SELECT pg_notify(%s, %s)", (CHANNEL, words))

    def _listen(self) -> None:
        with self._connect() as conn:
            conn.execute(f"LISTEN {CHANNEL}")
            self._may_have_missed()
            while not self._stopped.is_set():
                for notice in conn.notifies(timeout=LISTEN_SECONDS):
                    self._heard(notice.payload)
                    if self._stopped.is_set():
                        return


class RedisHints(Hints):
    """PUBLISH and SUBSCRIBE. Redis keeps nothing: flushed or gone, only time is lost."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def _connect(self) -> redis.Redis:
        return redis.Redis.from_url(
            self._url, socket_connect_timeout=2, socket_timeout=2 * LISTEN_SECONDS
        )

    def _send(self, words: str) -> None:
        if self._sender is None:
            self._sender = self._connect()
        self._sender.publish(CHANNEL, words)

    def _listen(self) -> None:
        with self._connect() as client, client.pubsub(ignore_subscribe_messages=True) as heard:
            heard.subscribe(CHANNEL)
            self._may_have_missed()
            while not self._stopped.is_set():
                message = heard.get_message(timeout=LISTEN_SECONDS)
                if message is not None:
                    self._heard(message["data"].decode())
