"""The supplier's door: one signed link, one task, one person, one plain page in Chinese.

The link is the only secret of Jieli that stands in an address (a supplier has no login); it opens
nothing but this task, ends by itself, is blotted out of our logs, and pages say `no-referrer`.
An answer is `core.actions.perform` as that person, face "portal": the same verbs as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import Connection

from api.deps import App
from api.doors import public
from api.pages import notice, press_of, screen, task_screen
from core.actions import perform
from core.clock import DAY, Instant, iso
from core.config import Settings
from core.db import Tx
from core.errors import INVALID, AppError, define
from core.people import Actor, Person, actor_of, record, require
from core.tasks.queries import task
from core.tasks.task import Task

LINK_VOID = define(
    "link_void",
    403,
    "这个链接打不开：已过期或不完整。请联系采购员重新发一个。",
    "This link cannot be opened: it ran out or is incomplete. Ask the buyer for a new one.",
)
LIFE: Instant = 7 * DAY
MAX_TOKEN = 512

router = APIRouter(prefix="/portal", tags=["portal"], include_in_schema=False)
_FOOTER = "<p>这个链接只属于你和这一件事，请不要转发。</p>"
_door = public("whoever holds the signed link of one task and one person")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a valid link stands for."""

    task_id: str
    person_id: int


def _signer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret.get_secret_value(), salt="portal")


def portal_token(settings: Settings, task_id: str, person_id: int, expires_at: Instant) -> str:
    """The signed token of one task and one person. Ends at `expires_at` (µs, UTC)."""
    return str(_signer(settings).dumps([task_id, person_id, expires_at]))


def portal_link(
    tx: Tx, actor: Actor, settings: Settings, about: Task, person: Person
) -> dict[str, Any]:
    """A link for `person`, who must be the task's own supplier; audited without its secret.

    Raises:
        AppError(invalid): not a supplier's person, or another supplier's.
    """
    if person.partner_id is None or person.partner_id != about.partner_id:
        raise AppError(INVALID, field="person_id", why="只能发给这个任务的供应商人员")
    expires_at = tx.now + LIFE
    token = portal_token(settings, about.id, person.id, expires_at)
    after = {"person_id": person.id, "expires_at": expires_at}
    record(tx, actor, "task.hand_over", f"task:{about.id}", after=after, why="供应商链接")
    url = f"{settings.public_url.rstrip('/')}/portal/{token}"
    return {"url": url, "expires_at": iso(expires_at)}


def open_token(settings: Settings, token: str, now: Instant) -> Opened:
    """What the token stands for.

    Raises:
        AppError(link_void): forged, cut short or over; the three are not told apart.
    """
    if len(token) > MAX_TOKEN:
        raise AppError(LINK_VOID)
    try:
        task_id, person_id, expires_at = _signer(settings).loads(token)
    except (BadSignature, ValueError, TypeError) as problem:
        raise AppError(LINK_VOID) from problem
    if now >= int(expires_at):
        raise AppError(LINK_VOID)
    return Opened(str(task_id), int(person_id))


@router.get("/{token}", dependencies=[_door])
async def show(token: str, jieli: App) -> Response:
    """The task as one screen."""
    try:
        opened = open_token(jieli.settings, token, jieli.clock.now())
        found = (await jieli.db.read(lambda conn: _allowed(conn, opened)))[1]
    except AppError as refusal:
        return screen("链接打不开", notice(refusal.say("zh"), "stop"), refusal.status)
    return task_screen(found, footer=_FOOTER)


@router.post("/{token}", dependencies=[_door])
async def answer(token: str, request: Request, jieli: App) -> Response:
    """The supplier's answer; pressing twice answers once."""
    try:
        opened = open_token(jieli.settings, token, jieli.clock.now())
        actor, found = await jieli.db.read(lambda conn: _allowed(conn, opened))
    except AppError as refusal:
        return screen("链接打不开", notice(refusal.say("zh"), "stop"), refusal.status)
    try:
        async with request.form(max_files=3, max_fields=60) as form:
            press = await press_of(jieli, actor, found, form)
        outcome = await jieli.db.write(lambda tx: perform(tx, actor, press))
        told, status = notice(f"收到了：{outcome.sentence}", "ok"), 200
    except AppError as refusal:
        told, status = notice(refusal.say("zh"), "stop"), refusal.status
    latest = await jieli.db.read(lambda conn: task(conn, opened.task_id))
    return task_screen(latest, told, status, _FOOTER)


def _allowed(conn: Connection, opened: Opened) -> tuple[Actor, Task]:
    actor = actor_of(conn, opened.person_id, "portal")
    found = task(conn, opened.task_id)
    require(actor, "portal.answer", found.thing)
    return actor, found
