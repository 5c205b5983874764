"""Passwords and PINs (argon2id) and opaque tokens (sha256). Not for signing: see api and outbox.

One argon2 hash takes tens of milliseconds and 19 MiB on purpose (OWASP's smallest parameters), so
at most two run at once and none on the writer thread, where everybody would wait for it.
"""

from __future__ import annotations

import hashlib
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_TWO_AT_ONCE = threading.BoundedSemaphore(2)


def hash_secret(text: str) -> str:
    """The argon2id hash of a password or PIN. Call it before the command, never inside."""
    _not_the_writer()
    with _TWO_AT_ONCE:
        return _HASHER.hash(text)


def check_secret(stored: str | None, text: str) -> bool:
    """True if `text` is the secret behind `stored`.

    None (no such person, or no secret set) takes as long as a wrong secret, so the time tells
    nobody which logins exist.
    """
    _not_the_writer()
    with _TWO_AT_ONCE:
        try:
            matches = _HASHER.verify(stored or _nobody(), text)
        except (VerificationError, InvalidHashError):
            return False
    return matches and stored is not None


def token_hash(token: str) -> str:
    """What is stored of an opaque token: 64 hex digits. Tokens are random, so no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


_nobody_hash: list[str] = []


def _nobody() -> str:
    """A hash that costs what a real one costs; made on first use (start-up time)."""
    if not _nobody_hash:
        _nobody_hash.append(_HASHER.hash("nobody"))
    return _nobody_hash[0]


def _not_the_writer() -> None:
    assert threading.current_thread().name != "writer", "hash secrets before the command, not in it"
