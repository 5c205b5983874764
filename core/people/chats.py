"""Which chat account is which person. Bound by an administrator, never guessed from a name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from core import events
from core.db import Tx
from core.errors import INVALID, AppError
from core.people.changes import insert_row, record
from core.people.permissions import Actor, Thing, require
from core.people.roster import LOGIN_TAKEN, Person, person, persons_by_id
from core.people.tables import chat_identities, persons


@dataclass(frozen=True, slots=True)
class ChatIdentity:
    """One account of a person on one channel; dead when the vendor says it cannot be reached."""

    id: int
    person_id: int
    channel: str
    user_id: str
    state: str


@dataclass(frozen=True, slots=True)
class Reach:
    """How a person is reached in chat: their accounts, the preferred one first; none of a leaver.

    `everywhere`: cards go to all of them at once, and whichever is answered closes the others.
    """

    accounts: tuple[ChatIdentity, ...] = ()
    everywhere: bool = False
    digest_at: int | None = None  # minutes after local midnight

    def living(self, tried: Sequence[str] = ()) -> list[ChatIdentity]:
        """The accounts that can be reached, without channels that refused already."""
        found = (each for each in self.accounts if each.state == "active")
        return [each for each in found if each.channel not in tried]

    def targets(self) -> list[ChatIdentity]:
        """Where a new card goes: one account of each channel, or the first account only."""
        found = {each.channel: each for each in reversed(self.living())}
        ordered = [each for each in self.living() if found[each.channel] is each]
        return ordered if self.everywhere else ordered[:1]


_BY_CHAT = (
    select(chat_identities.c.person_id)
    .join(persons, persons.c.id == chat_identities.c.person_id)
    .where(chat_identities.c.channel == bindparam("channel_"))
    .where(chat_identities.c.user_id == bindparam("user_"))
    .where(persons.c.active.is_(True))
)
_OF_PERSONS = (
    select(chat_identities, persons.c.channels, persons.c.everywhere, persons.c.digest_at)
    .join(persons, persons.c.id == chat_identities.c.person_id)
    .where(chat_identities.c.person_id.in_(bindparam("persons_", expanding=True)))
    .where(persons.c.active.is_(True))
    .order_by(chat_identities.c.id)
)
_OF_PERSON = (
    select(chat_identities)
    .where(chat_identities.c.person_id == bindparam("person_"))
    .order_by(chat_identities.c.id)
    .limit(20)
)


def bind_chat(tx: Tx, actor: Actor, person_id: int, channel: str, user_id: str) -> int:
    """Bind an account to a person; a dead account of the same person comes back to life.

    Raises:
        AppError(forbidden, not_found): no such person. AppError(login_taken): another person's.
    """
    require(actor, "person.write", Thing("person", str(person_id)))
    person(tx.conn, person_id)
    if not channel or not user_id or len(user_id) > 128:
        raise AppError(INVALID, field="聊天账号", why="渠道和账号都要填，账号不超过 128 位")
    same = (chat_identities.c.channel == channel) & (chat_identities.c.user_id == user_id)
    found = tx.execute(select(chat_identities).where(same)).first()
    if found is not None:
        if found.person_id != person_id:
            raise AppError(LOGIN_TAKEN, field="聊天账号", value=user_id)
        tx.execute(chat_identities.update().where(same), {"state": "active"})
        identity_id = int(found.id)
    else:
        row = {"person_id": person_id, "channel": channel, "user_id": user_id, "state": "active"}
        identity_id = insert_row(tx, chat_identities, row)
    after = {"channel": channel, "user_id": user_id}
    record(tx, actor, "person.write", f"person:{person_id}", after=after)
    return identity_id


def unbind_chat(tx: Tx, actor: Actor, channel: str, user_id: str) -> None:
    """Take an account away from its person; unknown is fine."""
    same = (chat_identities.c.channel == channel) & (chat_identities.c.user_id == user_id)
    found = tx.execute(select(chat_identities).where(same)).first()
    require(actor, "person.write", Thing("person", str(found.person_id) if found else ""))
    if found is not None:
        tx.execute(chat_identities.delete().where(same))
        before = {"channel": channel, "user_id": user_id}
        record(tx, actor, "person.write", f"person:{found.person_id}", before=before)


def person_by_chat(conn: Connection, channel: str, user_id: str) -> int | None:
    """The active person behind an account that the vendor vouches for.

    A dead account counts: who presses a button there can evidently be reached.
    """
    found: int | None = conn.execute(_BY_CHAT, {"channel_": channel, "user_": user_id}).scalar()
    return found


def chats_of(conn: Connection, person_id: int) -> list[ChatIdentity]:
    """The accounts of a person, dead ones too, oldest first."""
    rows = conn.execute(_OF_PERSON, {"person_": person_id}).mappings()
    return [ChatIdentity(**dict(row)) for row in rows]


def reach_of_many(conn: Connection, persons: Iterable[int]) -> Callable[[int], Reach]:
    """How each of these persons is reached, in one question, asked now and read when looked at."""
    rows = conn.execute(_OF_PERSONS, {"persons_": sorted(set(persons))})

    @cache
    def known() -> dict[int, Reach]:
        found: dict[int, list[Row[Any]]] = {}
        for row in rows:
            found.setdefault(row.person_id, []).append(row)
        return {person_id: _reach(each) for person_id, each in found.items()}

    return lambda person_id: known().get(person_id, Reach())


def out_of_reach(conn: Connection, people: Iterable[int]) -> list[Person]:
    """Those of `people` whom no card gets to: no living chat account, no badge for a scanner."""
    wanted = sorted(set(people))
    reach = reach_of_many(conn, wanted)
    known = persons_by_id(conn, [each for each in wanted if not reach(each).living()])
    return [each for each in known.values() if each.active and not each.badge]


def _reach(rows: Sequence[Row[Any]]) -> Reach:
    order = {channel: place for place, channel in enumerate(rows[0].channels)}
    ranked = sorted(rows, key=lambda row: order.get(row.channel, len(order)))
    accounts = (
        ChatIdentity(row.id, row.person_id, row.channel, row.user_id, row.state) for row in ranked
    )
    return Reach(tuple(accounts), rows[0].everywhere, rows[0].digest_at)


def mark_chat_dead(tx: Tx, channel: str, user_id: str, why: str) -> None:
    """The vendor says: this user left, blocked us or never existed. Sending there ends."""
    same = (
        (chat_identities.c.channel == channel)
        & (chat_identities.c.user_id == user_id)
        & (chat_identities.c.state == "active")
    )
    found = tx.execute(select(chat_identities.c.person_id).where(same)).scalar()
    if found is not None:
        tx.execute(chat_identities.update().where(same), {"state": "dead"})
        payload = {"channel": channel, "user_id": user_id, "why": why}
        events.append(tx, "chat.dead", f"person:{found}", "engine", payload)
