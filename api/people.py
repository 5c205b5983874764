"""Routes of people: the roster, roles, chat accounts, sessions and API tokens.

Passwords and PINs arrive here in plain and are hashed before the command; no answer, log line or
stored operation ever holds one. Not for signing in (api/sign_in.py).
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field
from sqlalchemy import Connection

from api.deps import PAGE, App, Once, Size, as_json
from api.doors import allow, writes
from api.routers import json_router
from api.wire import Id, Text, Wire, wire
from core.clock import MINUTE, iso
from core.db import Tx
from core.people import (
    BIND_CODE_LIVES,
    CHANNELS,
    ROLES,
    VERB_LABELS,
    VERBS,
    Actor,
    NewPerson,
    Person,
    Thing,
    add_person,
    chats_of,
    close_sessions_of,
    hash_secret,
    make_bind_code,
    open_session,
    people,
    person,
    reach_of_many,
    record,
    require,
    sessions_of,
    update_person,
)
from core.tasks.binding import bind as bind_account
from core.tasks.binding import unbind as unbind_account
from core.tasks.leaving import come_back, leave

router = json_router("/api", tags=["people"])

TOKEN_DAYS = 90
Write = Annotated[Once, writes("person.write")]
Admin = Annotated[Actor, allow("person.write")]
Secret = Annotated[str, Field(min_length=4, max_length=256)]
Channel = Annotated[str, Field(pattern=f"^({'|'.join(CHANNELS)})$")]
Clock24 = Annotated[int, Field(ge=0, lt=24 * 60, description="Minutes after local midnight")]


class PersonBody(Wire):
    """A new person, as an administrator types them in."""

    login: Text
    name: Text
    roles: Annotated[list[str], Field(max_length=20)]
    name_en: Text = ""
    manager_id: Id | None = None
    partner_id: Id | None = None
    warehouse_ids: Annotated[tuple[Id, ...], Field(max_length=200)] = ()
    password: Secret | None = None
    pin: Secret | None = None
    badge: Text | None = None
    quiet_from: Clock24 | None = None
    quiet_to: Clock24 | None = None
    language: Annotated[str, Field(pattern="^(zh|en)$")] = "zh"
    channels: Annotated[tuple[Channel, ...], Field(max_length=8)] = ()
    everywhere: bool = False
    urgent_wakes: bool = True
    digest_at: Clock24 | None = None


class PersonChange(Wire):
    """What changes; whatever is not sent stays."""

    login: Text | None = None
    name: Text | None = None
    roles: Annotated[list[str], Field(max_length=20)] | None = None
    name_en: Text | None = None
    manager_id: Id | None = None
    partner_id: Id | None = None
    warehouse_ids: Annotated[list[Id], Field(max_length=200)] | None = None
    password: Secret | None = None
    pin: Secret | None = None
    badge: Text | None = None
    quiet_from: Clock24 | None = None
    quiet_to: Clock24 | None = None
    language: Annotated[str, Field(pattern="^(zh|en)$")] | None = None
    channels: Annotated[list[Channel], Field(max_length=8)] | None = None
    everywhere: bool | None = None
    urgent_wakes: bool | None = None
    digest_at: Clock24 | None = None
    active: bool | None = None
    why: Text = ""


class ChatBody(Wire):
    """A chat account: `channel` is wecom, dingtalk or telegram."""

    channel: Channel
    user_id: Annotated[str, Field(min_length=1, max_length=128)]


class TokenBody(Wire):
    """A named token for a program that acts as this person."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    days: Annotated[int, Field(ge=1, le=366)] = TOKEN_DAYS


_NULLABLE = {"manager_id", "partner_id", "badge", "quiet_from", "quiet_to", "digest_at"}


def person_wire(found: Person) -> dict[str, Any]:
    """A person without their secrets."""
    shown: dict[str, Any] = wire(found)
    shown["has_password"] = shown.pop("password_hash") is not None
    shown["has_pin"] = shown.pop("pin_hash") is not None
    return shown


async def _hashed(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with `password`/`pin` replaced by their hashes, made in a thread."""
    for name in ("password", "pin"):
        plain = values.pop(name, None)
        if plain is not None:
            values[f"{name}_hash"] = await asyncio.to_thread(hash_secret, plain)
    for name in ("roles", "warehouse_ids", "channels"):
        if name in values:
            values[name] = tuple(values[name])
    return values


@router.get("/people")
async def list_people(
    _actor: Admin, jieli: App, cursor: Annotated[int, Query(ge=0, le=2**53)] = 0, limit: Size = PAGE
) -> Response:
    """The roster, by id; `reachable`: cards can get to this person in some chat."""

    def ask(conn: Connection) -> tuple[list[Person], list[dict[str, Any]]]:
        found = people(conn, after_id=cursor, limit=limit)
        reach = reach_of_many(conn, [each.id for each in found])
        shown = [person_wire(each) | {"reachable": bool(reach(each.id).living())} for each in found]
        return found, shown

    found, shown = await jieli.db.read(ask)
    more = str(found[-1].id) if len(found) == limit else None
    return as_json({"items": shown, "next": more})


@router.get("/roles")
async def list_roles(_actor: Annotated[Actor, allow("session.write")]) -> Response:
    """Every role, what people call it, and what it may do."""
    return as_json(
        {
            "items": [
                {
                    "code": code,
                    "label": label,
                    "may": [
                        {"verb": verb, "label": VERB_LABELS[verb]}
                        for verb, roles in VERBS.items()
                        if code in roles
                    ],
                }
                for code, label in ROLES.items()
            ],
            "next": None,
        }
    )


@router.post("/people", status_code=201)
async def add(body: PersonBody, by: Write) -> Response:
    """Add a person."""
    values = await _hashed(body.model_dump())

    def run(tx: Tx) -> dict[str, Any]:
        return person_wire(person(tx.conn, add_person(tx, by.actor, NewPerson(**values))))

    return await by.answer("person", _without_secrets(body), run, 201)


def _without_secrets(body: Wire) -> dict[str, Any]:
    """What a repeat is compared by; a secret must not enter the table of operations."""
    return body.model_dump(mode="json", exclude={"password", "pin"}, exclude_unset=True)


@router.get("/people/{person_id}")
async def one_person(person_id: Id, _actor: Admin, jieli: App) -> Response:
    """One person, their chat accounts and open sessions."""
    now = jieli.clock.now()

    def ask(conn: Connection) -> dict[str, Any]:
        return {
            **person_wire(person(conn, person_id)),
            "chats": wire(chats_of(conn, person_id)),
            "sessions": wire(sessions_of(conn, person_id, now)),
        }

    return as_json(await jieli.db.read(ask))


@router.patch("/people/{person_id}")
async def change(person_id: Id, body: PersonChange, by: Write) -> Response:
    """Change a person; a new role counts at once. Deactivating signs them out everywhere and gives
    what only they had to others.
    """
    given = body.model_dump(exclude_unset=True, exclude={"active", "why"})
    values = await _hashed({k: v for k, v in given.items() if v is not None or k in _NULLABLE})

    def run(tx: Tx) -> dict[str, Any]:
        if values:
            update_person(tx, by.actor, person_id, values)
        if body.active is False:
            leave(tx, by.actor, person_id, body.why)
        elif body.active is True:
            come_back(tx, by.actor, person_id)
        return person_wire(person(tx.conn, person_id))

    answer = await by.answer(f"person:{person_id}", _without_secrets(body), run)
    by.jieli.doorkeeper.forget()
    return answer


@router.post("/people/{person_id}/chats", status_code=201)
async def bind(person_id: Id, body: ChatBody, by: Write) -> Response:
    """Say that a chat account is this person."""

    def run(tx: Tx) -> dict[str, Any]:
        bind_account(tx, by.actor, person_id, body.channel, body.user_id)
        return {"items": wire(chats_of(tx.conn, person_id)), "next": None}

    return await by.answer(f"chat:{person_id}", body, run, 201)


@router.post("/people/{person_id}/chats/code", status_code=201)
async def bind_code(
    person_id: Id, actor: Annotated[Actor, allow("session.write")], jieli: App
) -> Response:
    """A code that this person says in the chat (「绑定 …」) to have the account bound: for oneself,
    or for anybody as an administrator. Shown once, so this write has no operation id.
    """

    def run(tx: Tx) -> dict[str, Any]:
        code = make_bind_code(tx, actor, person_id)
        return {"code": code, "say": f"绑定 {code}", "expires_at": iso(tx.now + BIND_CODE_LIVES)}

    found = await jieli.db.write(run)
    return as_json(found | {"links": await jieli.vendors.bind_links(found["code"])}, 201)


@router.post("/people/{person_id}/chats/unbind")
async def unbind(person_id: Id, body: ChatBody, by: Write) -> Response:
    """Take a chat account away from this person."""

    def run(tx: Tx) -> dict[str, Any]:
        unbind_account(tx, by.actor, body.channel, body.user_id)
        return {"items": wire(chats_of(tx.conn, person_id)), "next": None}

    return await by.answer(f"unchat:{person_id}", body, run)


@router.post("/people/{person_id}/sign-out")
async def sign_out_everywhere(person_id: Id, by: Write) -> Response:
    """End every session of a person: desk, scanners and tokens."""

    def run(tx: Tx) -> dict[str, Any]:
        person(tx.conn, person_id)
        closed = close_sessions_of(tx, person_id)
        record(tx, by.actor, "person.write", f"person:{person_id}", after={"signed_out": closed})
        return {"closed": closed}

    answer = await by.answer(f"sign-out:{person_id}", None, run)
    by.jieli.doorkeeper.forget()
    return answer


@router.post("/people/{person_id}/tokens", status_code=201)
async def make_token(
    person_id: Id, body: TokenBody, actor: Annotated[Actor, allow("token.write")], jieli: App
) -> Response:
    """A token for a program. Shown once and stored nowhere, so this write has no operation id."""

    def run(tx: Tx) -> dict[str, Any]:
        require(actor, "token.write", Thing("person", str(person_id)))
        minutes = body.days * 24 * 60
        token = open_session(tx, person_id, "api", minutes=minutes, name=body.name)
        return {"token": token, "expires_at": iso(tx.now + minutes * MINUTE)}

    return as_json(await jieli.db.write(run), 201)
