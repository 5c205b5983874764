"""Prometheus figures of one process: postings, ages of what waits, timer lag, resumes, queues.

Counters move on the Writer's thread after each commit; ages are asked from the tables when somebody
scrapes. Each app has its own registry. Not for logs and not for business reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import Connection

from core.clock import SECOND, Instant
from core.engine import Engine
from core.events import Event, head
from core.outbox import queue
from core.skew import skew
from core.tasks import escalation
from core.tasks.queries import oldest_overdue

LAG_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 6, 15, 60, 600)


class Metrics:
    """The figures of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.postings = Counter("jieli_postings", "Postings committed", registry=self.registry)
        self.events = Counter("jieli_events", "Events sealed", registry=self.registry)
        self.callbacks_given_up = Counter(
            "jieli_callbacks_given_up",
            "What people said in chat and no try could do",
            registry=self.registry,
        )
        self.timer_lag = Histogram(
            "jieli_timer_lag_seconds",
            "How late a timer fired",
            buckets=LAG_BUCKETS,
            registry=self.registry,
        )
        self.resume_failures = Gauge(
            "jieli_resume_failures",
            "Clients told to resync since start",
            registry=self.registry,
        )
        self.sockets = Gauge("jieli_sockets", "Open sockets", ["kind"], registry=self.registry)
        self.outbox_age = Gauge(
            "jieli_outbox_oldest_seconds",
            "Age of the oldest unsent message",
            registry=self.registry,
        )
        self.overdue = Gauge(
            "jieli_timer_oldest_overdue_seconds",
            "Age of the oldest timer that is due and not fired",
            registry=self.registry,
        )
        self.overdue_task = Gauge(
            "jieli_task_oldest_overdue_seconds",
            "Age of the oldest deadline that passed with nobody done",
            registry=self.registry,
        )
        self.waiting = Gauge(
            "jieli_writer_waiting",
            "Commands that wait in a queue of this process",
            ["queue"],
            registry=self.registry,
        )
        self.skew = Gauge(
            "jieli_clock_skew_seconds",
            "This machine's clock minus the database server's",
            registry=self.registry,
        )
        self.head = Gauge("jieli_event_head", "Newest sealed event", registry=self.registry)
        self.step_failures = Gauge(
            "jieli_engine_step_failures",
            "Failures of an engine step since start",
            ["step"],
            registry=self.registry,
        )
        self.step_silence = Gauge(
            "jieli_engine_step_silent_seconds",
            "Since an engine step last came to an end in good order",
            ["step"],
            registry=self.registry,
        )

    def saw(self, news: Iterable[Any]) -> None:
        """Count what one commit told; called on the Writer's thread."""
        for fact in news:
            if not isinstance(fact, Event):
                continue
            self.events.inc()
            if fact.kind == "stock.posted":
                self.postings.inc()
            late = fact.payload.get("late_us")
            if fact.kind == "task.escalated" and isinstance(late, int):
                self.timer_lag.observe(max(0, late) / SECOND)

    def page(
        self, conn: Connection, engine: Engine, sockets: Mapping[str, int], now: Instant
    ) -> bytes:
        """The exposition text; `sockets` is what the live door counts."""
        for kind in ("pda", "desk"):
            self.sockets.labels(kind).set(sockets.get(kind, 0))
        self.resume_failures.set(sockets.get("resyncs", 0))
        self.outbox_age.set(queue.oldest_waiting(conn, now) / SECOND)
        self.overdue.set(escalation.lag(conn, now) / SECOND)
        self.overdue_task.set(oldest_overdue(conn, now) / SECOND)
        self.skew.set((skew(conn, engine.clock) or 0) / SECOND)
        for name, count in engine.db.waiting().items():
            self.waiting.labels(name).set(count)
        self.head.set(head(conn))
        for name, health in engine.health.items():
            self.step_failures.labels(name).set(health.failures)
            if health.ran_at:
                self.step_silence.labels(name).set((now - health.ran_at) / SECOND)
        return generate_latest(self.registry)
