"""The page behind a chat card: one task, one person, one screen, inside the chat app's own browser.

The link names a card and is signed, but is no key: whoever opens it must be the person the card was
sent to. The vendor says who that is (its sign-in, silent in WeCom), once; a session follows. So a
forwarded link is refused with a sentence. Ends a week after the card was sent. Not for suppliers
(api/portal.py) and not for links without a chat app (api/task_page.py).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import Connection

from api.deps import App, Jieli
from api.doors import public
from api.pages import (
    ALL_TASKS,
    inbox_screen,
    notice,
    press_of,
    proof_screen,
    screen,
    task_screen,
)
from api.sign_in import SESSION_HOURS, set_session
from core.actions import perform
from core.clock import DAY, Instant
from core.config import Settings
from core.errors import AppError, define
from core.ids import secret_token
from core.outbox.queue import find_message
from core.people import Actor, open_session, person, person_by_chat, require
from core.tasks.queries import inbox, task
from core.tasks.task import Task

if TYPE_CHECKING:
    from bots.face import Face
    from core.outbox.channel import Delivery

LINK_OVER = define(
    "card_link_over",
    403,
    "这个链接打不开：已超过一周或不完整。在聊天里发「待办」，或打开最新的卡片。",
    "This link cannot be opened: it is over a week old or incomplete. Open the newest card.",
)
NOT_YOUR_LINK = define(
    "not_your_link",
    403,
    "这个链接是发给{name}的，别人打开不能处理。请{name}自己打开，或转交给你。",
    "This link was sent to {name}; nobody else can use it. Ask {name} to open it or to hand over.",
)
NO_PROOF = define(
    "who_are_you",
    401,
    "没认出你是谁：{why}请回到聊天里重新点一次。",
    "We could not tell who you are: {why} Go back to the chat and tap again.",
)
LIFE: Instant = 7 * DAY
MAX_TOKEN = 256
STATE = "jieli_h5"  # the cookie that ties an answer of the vendor to the browser that asked
STATE_SECONDS = 600

router = APIRouter(prefix="/h5", tags=["portal"], include_in_schema=False)
_door = public("a signed link to one card; the vendor's sign-in says who opened it")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link stands for."""

    task_id: str  # empty: words that belong to no task; the page then lists what waits
    person_id: int
    channel: str


def link_of(settings: Settings, delivery: Delivery) -> str:
    """The page of the card in `delivery`; the same for every repeat and edit of it."""
    base = settings.public_url.rstrip("/")
    return f"{base}/h5/{_signer(settings).dumps(delivery.card_id)}"


def _signer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret.get_secret_value(), salt="h5")


async def _opened(jieli: Jieli, token: str) -> Opened:
    try:
        card_id = str(_signer(jieli.settings).loads(token)) if len(token) <= MAX_TOKEN else ""
    except (BadSignature, ValueError) as problem:
        raise AppError(LINK_OVER) from problem
    card = await jieli.db.read(lambda conn: find_message(conn, card_id))
    if card is None or jieli.clock.now() >= card.created_at + LIFE:
        raise AppError(LINK_OVER)
    return Opened(card.task_id, card.person_id, card.channel)


@router.get("/{token}", dependencies=[_door])
async def show(token: str, request: Request, jieli: App) -> Response:
    """The task; or first the vendor's question who is asking."""
    try:
        opened = await _opened(jieli, token)
        actor = await _known(jieli, request, opened)
        if actor is None:
            return _ask(jieli, token, opened)
        return await _screen(jieli, actor, opened)
    except AppError as refusal:
        return _refused(refusal)


@router.post("/{token}", dependencies=[_door])
async def answer(token: str, request: Request, jieli: App) -> Response:
    """A press, with what the button asked for; pressing twice answers once."""
    try:
        opened = await _opened(jieli, token)
        actor = await _known(jieli, request, opened)
        if actor is None:
            return _ask(jieli, token, opened)
    except AppError as refusal:
        return _refused(refusal)
    try:
        found = await jieli.db.read(lambda conn: _readable(conn, actor, opened))
        async with request.form(max_files=3, max_fields=60) as form:
            press = await press_of(jieli, actor, found, form)
        outcome = await jieli.db.write(lambda tx: perform(tx, actor, press))
    except AppError as refusal:
        told = notice(refusal.say("zh"), "stop")
        return await _screen(jieli, actor, opened, told, refusal.status)
    return await _screen(jieli, actor, opened, notice(outcome.sentence, "ok"))


@router.get("/{token}/back", dependencies=[_door])
async def back(token: str, request: Request, jieli: App) -> Response:
    """The vendor has sent the browser back and says who it is."""
    asked = request.query_params.get("state", "")
    known = request.cookies.get(STATE, "")
    try:
        if not known or not hmac.compare_digest(asked.encode(), known.encode()):
            raise AppError(NO_PROOF, why="登录不是从这里开始的。")
        return await _proved(jieli, token, dict(request.query_params))
    except AppError as refusal:
        return _refused(refusal)


@router.post("/{token}/back", dependencies=[_door])
async def back_by_form(token: str, request: Request, jieli: App) -> Response:
    """The same for a vendor whose page gets the proof in its own address (Telegram)."""
    try:
        jieli.doorkeeper.check_origin(request)
        async with request.form(max_files=0, max_fields=4) as form:
            return await _proved(jieli, token, {"proof": str(form.get("proof", ""))})
    except AppError as refusal:
        return _refused(refusal)


async def _known(jieli: Jieli, request: Request, opened: Opened) -> Actor | None:
    """Who has a session here already, None when nobody has.

    Raises:
        AppError(not_your_link): it is somebody else's.
    """
    try:
        actor = await jieli.doorkeeper.actor(request)
    except AppError as refusal:
        if refusal.status != 401:
            raise
        return None
    await _check(jieli, opened, actor.person_id)
    return replace(actor, face=opened.channel)


async def _check(jieli: Jieli, opened: Opened, person_id: int) -> None:
    if person_id != opened.person_id:
        meant = await jieli.db.read(lambda conn: person(conn, opened.person_id))
        raise AppError(NOT_YOUR_LINK, name=meant.name)


def _face(jieli: Jieli, opened: Opened) -> Face:
    face = jieli.vendors.faces.get(opened.channel)
    if face is None:
        raise AppError(NO_PROOF, why="这个聊天渠道没有接通。")
    return face


def _ask(jieli: Jieli, token: str, opened: Opened) -> Response:
    """Send the browser to the vendor, or let the page hand over what the vendor gave it."""
    state = secret_token(128)
    back_to = f"{jieli.settings.public_url.rstrip('/')}/h5/{token}/back"
    address = _face(jieli, opened).sign_in_url(back_to, state)
    if not address:
        return proof_screen(f"/h5/{token}/back", f"/tasks/{opened.task_id}")
    away = RedirectResponse(address, 303, {"referrer-policy": "no-referrer"})
    away.set_cookie(
        STATE,
        state,
        max_age=STATE_SECONDS,
        path="/h5/",
        secure=jieli.settings.tls,
        httponly=True,
        samesite="lax",
    )
    return away


async def _proved(jieli: Jieli, token: str, proof: dict[str, str]) -> Response:
    """A session for whoever the vendor says it is, if that is whom the card was sent to."""
    opened = await _opened(jieli, token)
    try:
        user_id = await _face(jieli, opened).who(proof)
    except LookupError as problem:
        raise AppError(NO_PROOF, why=str(problem.args[0])) from problem
    found = await jieli.db.read(lambda conn: person_by_chat(conn, opened.channel, user_id))
    await _check(jieli, opened, found or 0)
    minutes = SESSION_HOURS * 60
    session = await jieli.db.write(
        lambda tx: open_session(tx, opened.person_id, "desk", minutes=minutes, name=opened.channel)
    )
    shown = RedirectResponse(f"/h5/{token}", 303, {"referrer-policy": "no-referrer"})
    set_session(shown, jieli, session)
    shown.delete_cookie(STATE, path="/h5/", secure=jieli.settings.tls, httponly=True)
    return shown


def _readable(conn: Connection, actor: Actor, opened: Opened) -> Task:
    found = task(conn, opened.task_id)
    require(actor, "task.read", found.thing)
    return found


async def _screen(
    jieli: Jieli, actor: Actor, opened: Opened, told: str = "", status: int = 200
) -> Response:
    if not opened.task_id:
        waiting = await jieli.db.read(lambda conn: inbox(conn, opened.person_id))
        return inbox_screen([view.task for view in waiting])
    found = await jieli.db.read(lambda conn: _readable(conn, actor, opened))
    return task_screen(found, told, status, "" if found.is_live else ALL_TASKS)


def _refused(refusal: AppError) -> Response:
    return screen("打不开", notice(refusal.say("zh"), "stop"), refusal.status)
