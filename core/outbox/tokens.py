"""Action tokens: what a button carries instead of a task id; opaque, one use, bound to a person.

`a1:` + 22 url-safe characters, derived by HMAC from (card, generation, button): an identical
re-send carries identical tokens, a re-planned task different ones, and nobody can make one up.
Only the hash is stored. Not for deciding whether the press is still welcome (core/actions).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from core.clock import DAY, Instant
from core.config import DEFAULT_SECRET
from core.db import Tx
from core.outbox.card import Card
from core.outbox.tables import action_tokens

KEEP = 30 * DAY  # WeCom cards can be pressed for as long as they can be scrolled to

_secret = {"key": DEFAULT_SECRET.encode()}


@dataclass(frozen=True, slots=True)
class ActionToken:
    """What a pressed token stands for. `used_at` is the first press, None before it."""

    token_hash: str
    card_id: str
    task_id: str
    generation: int
    action: str
    person_id: int
    expires_at: Instant
    used_at: Instant | None


def configure(secret: str) -> None:
    """Set the secret that tokens are derived from; api/main does it once, before anything runs."""
    assert secret, "an empty secret would make every token guessable"
    _secret["key"] = secret.encode()


def token_of(card_id: str, generation: int, action: str) -> str:
    """The token of one button of one card."""
    text = f"{card_id}|{generation}|{action}".encode()
    digest = hmac.new(_secret["key"], text, hashlib.sha256).digest()
    return "a1:" + base64.urlsafe_b64encode(digest)[:22].decode()


def tokens_of(card_id: str, generation: int, card: Card) -> dict[str, str]:
    """Button key → token for every button that is pressed rather than opened."""
    keys = [button.key for button in card.buttons if not button.url]
    return {key: token_of(card_id, generation, key) for key in keys}


_KNOWN = select(action_tokens.c.action).where(
    action_tokens.c.card_id == bindparam("card_id_"),
    action_tokens.c.generation == bindparam("generation_"),
)
_FIND = select(action_tokens).where(action_tokens.c.token_hash == bindparam("hash_"))
_INSERT = action_tokens.insert()
_SPEND = (
    update(action_tokens)
    .where(action_tokens.c.token_hash == bindparam("hash_"), action_tokens.c.used_at.is_(None))
    .values(used_at=bindparam("now_"))
)


@dataclass(frozen=True, slots=True)
class Bound:
    """What the tokens of a card are bound to."""

    card_id: str
    task_id: str
    generation: int
    person_id: int


def make_tokens(tx: Tx, bound: Bound, card: Card, *, new_card: bool = False) -> None:
    """Store the hashes of the card's tokens, so that a press can be understood.

    `new_card`: the card got its id just now, so it has none yet.
    """
    wanted = tokens_of(bound.card_id, bound.generation, card)
    if not wanted:
        return
    known: set[str] = set()
    if not new_card:
        values = {"card_id_": bound.card_id, "generation_": bound.generation}
        known = set(tx.execute(_KNOWN, values).scalars())
    fresh = [
        {
            "token_hash": _hash(token),
            "card_id": bound.card_id,
            "task_id": bound.task_id,
            "generation": bound.generation,
            "action": action,
            "person_id": bound.person_id,
            "expires_at": tx.now + KEEP,
            "used_at": None,
        }
        for action, token in wanted.items()
        if action not in known
    ]
    if fresh:
        tx.execute(_INSERT, fresh)


def find_token(conn: Connection, token: str) -> ActionToken | None:
    """What `token` stands for, used and expired ones too; None when it was never ours."""
    row = conn.execute(_FIND, {"hash_": _hash(token)}).mappings().first()
    return None if row is None else ActionToken(**row)


def spend_token(tx: Tx, token: ActionToken) -> bool:
    """Mark the first press; False when there was one before."""
    values = {"hash_": token.token_hash, "now_": tx.now}
    return tx.execute(_SPEND, values).rowcount == 1


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
