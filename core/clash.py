"""What an error of PostgreSQL means: try again, tell the person, or a bug.

Hot paths raise the driver's errors bare, SQLAlchemy wraps them; both are read here. Not for acting.
"""

from __future__ import annotations

import logging

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from core.errors import BUSY, DISK_FULL, INVALID, AppError

log = logging.getLogger(__name__)

MOST_TRIES = 30
# Serialization failure, deadlock, waited too long for a lock: nothing was done.
NO_LOCK = "55P03"
_CLASH = frozenset({"40001", "40P01", NO_LOCK})
READ_ONLY = "25006"  # the server takes no writes: its disk is full, or another is the primary now
_TWIN = "23505"  # the same key at the same moment: the second try finds the first one's row


class TurnNeededError(BaseException):
    """The command must begin anew with the whole turn. No verb may catch it on its way."""


class DoubtfulCommitError(Exception):
    """The connection broke while committing. The same operation id finds out what became of it."""


def cause_of(problem: BaseException) -> BaseException:
    """The driver's own error; hot paths raise it bare, SQLAlchemy wraps it."""
    if isinstance(problem, DBAPIError) and problem.orig is not None:
        return problem.orig
    return problem


def is_lost(problem: BaseException) -> bool:
    """The connection is gone: a stopped, killed or restarted server, or a time-out of ours."""
    if isinstance(problem, PoolTimeoutError):
        return True
    cause = cause_of(problem)
    if isinstance(cause, psycopg.errors.AdminShutdown | psycopg.errors.CrashShutdown):
        return True
    if isinstance(cause, psycopg.errors.IdleInTransactionSessionTimeout):
        return True
    return isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None


def log_went_on(problem: BaseException) -> bool:
    """Another process wrote to the log since we last did: its head is not where we left it."""
    cause = cause_of(problem)
    return isinstance(cause, psycopg.errors.UniqueViolation) and (
        cause.diag.constraint_name == "pk_event"
    )


def state_of(problem: BaseException) -> str | None:
    state: str | None = getattr(cause_of(problem), "sqlstate", None)
    return state


def worth_another_try(problem: BaseException, tried: int) -> bool:
    state = state_of(problem)
    if state in _CLASH:
        return tried + 1 < MOST_TRIES
    if state == _TWIN:
        return tried < 3
    return is_lost(problem) and tried < 1


def as_refusal(problem: Exception) -> Exception:
    """A clash without end or a vanished server is `busy` to the person; a bug stays a bug."""
    cause = cause_of(problem)
    if isinstance(cause, psycopg.errors.DivisionByZero):  # Bulk.all_of missed a row: a bug
        return problem
    if isinstance(cause, psycopg.DataError):  # a NUL in a text, a number no column holds
        refusal = AppError(INVALID, field="内容", why="含有无法保存的字符或数字")
    elif (
        isinstance(problem, DoubtfulCommitError)
        or isinstance(cause, psycopg.OperationalError)
        or is_lost(problem)
        or state_of(problem) == READ_ONLY
    ):
        why = f"{type(cause).__name__}: {cause}"[:300]  # an outage says it a thousand times
        log.error("database_unavailable", extra={"why": why})
        refusal = AppError(DISK_FULL if isinstance(cause, psycopg.errors.DiskFull) else BUSY)
    else:
        return problem
    refusal.__cause__ = problem
    return refusal
