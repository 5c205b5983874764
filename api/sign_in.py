"""Signing in at the desk: password → session cookie, limited per login and address.

Scanners sign in over their socket (api/live.py), programs carry API tokens (api/people.py), chat
users are known by their vendor, suppliers by a signed link (api/portal.py).
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import Field

from api.deps import App, Jieli, as_json
from api.doors import Session, cookie_name, public
from api.routers import json_router
from api.wire import Wire
from core.clock import HOUR, SECOND
from core.db import Tx
from core.errors import AppError, define
from core.people import (
    ROLES,
    Actor,
    actor_of,
    check_secret,
    close_session,
    open_session,
    person_by_login,
    require,
)

WRONG_PASSWORD = define(
    "wrong_password",
    401,
    "没登录：账号或密码不对。核对后再试；忘记密码请找管理员重设。",
    "Not signed in: login or password is wrong. Check both; an admin can set a new password.",
)

SESSION_HOURS = 12

router = json_router("/api/session", tags=["session"])


def address_of(request: Request) -> str:
    """The peer's address; uvicorn already put the proxy's word in, if the proxy is ours."""
    return request.client.host if request.client else "unknown"


class Credentials(Wire):
    """What a person types at the desk."""

    login: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=256)]


@router.post("", dependencies=[public("nobody is known before signing in; limited per address")])
async def sign_in(credentials: Credentials, request: Request, jieli: App) -> Response:
    """Sign in with login and password; sets the session cookie for 12 hours."""
    token, actor = await open_desk(jieli, request, credentials.login, credentials.password)
    answer = as_json(_me(actor))
    set_session(answer, jieli, token)
    return answer


async def open_desk(jieli: Jieli, request: Request, login: str, password: str) -> tuple[str, Actor]:
    """A desk session for who knows the password.

    Raises:
        AppError(cross_site, too_many, wrong_password).
    """
    jieli.doorkeeper.check_origin(request)
    await jieli.attempts.check("sign-in", login, address_of(request))
    found = await jieli.db.read(lambda conn: person_by_login(conn, login.strip()))
    stored = found.password_hash if found is not None and found.active else None
    right = await asyncio.to_thread(check_secret, stored, password)
    if not right or found is None:
        raise AppError(WRONG_PASSWORD)
    person_id = found.id

    def command(tx: Tx) -> tuple[str, Actor]:
        actor = actor_of(tx.conn, person_id, "desk")
        require(actor, "session.write")
        return open_session(tx, person_id, "desk", minutes=SESSION_HOURS * 60), actor

    return await jieli.db.write(command)


def set_session(answer: Response, jieli: Jieli, token: str) -> None:
    """Give the browser its session: not readable by scripts, not sent from other sites' forms."""
    answer.set_cookie(
        cookie_name(jieli.settings),
        token,
        max_age=SESSION_HOURS * HOUR // SECOND,
        path="/",
        secure=jieli.settings.tls,
        httponly=True,
        samesite="lax",
    )


@router.get("")
async def who_am_i(actor: Session) -> Response:
    """The signed-in person, as this server knows them."""
    return as_json(_me(actor))


@router.delete("")
async def sign_out(request: Request, _actor: Session, jieli: App) -> Response:
    """End this session at once, on every page that uses it."""
    name = cookie_name(jieli.settings)
    token = _token_of(request, jieli)
    await jieli.db.write(lambda tx: close_session(tx, token))
    jieli.doorkeeper.forget()
    answer = as_json({"signed_out": True})
    answer.delete_cookie(name, path="/", secure=jieli.settings.tls, httponly=True, samesite="lax")
    return answer


def _token_of(request: Request, jieli: Jieli) -> str:
    bearer = request.headers.get("authorization", "")
    if bearer[:7].lower() == "bearer ":
        return bearer[7:].strip()
    return request.cookies.get(cookie_name(jieli.settings), "")


def _me(actor: Actor) -> dict[str, Any]:
    return {
        "person": {"id": actor.person_id, "name": actor.name},
        "roles": [{"code": role, "label": ROLES.get(role, role)} for role in sorted(actor.roles)],
        "warehouse_ids": sorted(actor.warehouse_ids),
        "partner_id": actor.partner_id,
        "face": actor.face,
    }
