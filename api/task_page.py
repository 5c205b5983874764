"""The page of one task for staff: where a chat card sends people when it cannot ask for enough.

With a desk session it shows the task and its buttons; without one, a sign-in form in the same
place. Not the supplier's door (api/portal.py): that one needs no account.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection
from starlette.datastructures import FormData

from api.deps import App, Jieli
from api.doors import public
from api.pages import (
    ALL_TASKS,
    inbox_screen,
    notice,
    press_of,
    screen,
    sign_in_screen,
    task_screen,
)
from api.sign_in import open_desk, set_session
from core.actions import perform
from core.errors import AppError
from core.people import Actor, require
from core.tasks.queries import inbox, task
from core.tasks.task import Task

router = APIRouter(prefix="/tasks", tags=["portal"], include_in_schema=False)
_door = public("asks for the desk session itself, so that it can show a sign-in form")


@router.get("", dependencies=[_door])
async def mine(request: Request, jieli: App) -> Response:
    """What waits for whoever is signed in, or a sign-in form."""
    try:
        actor = await jieli.doorkeeper.actor(request)
    except AppError:
        return sign_in_screen()
    waiting = await jieli.db.read(lambda conn: inbox(conn, actor.person_id))
    return inbox_screen([view.task for view in waiting])


@router.post("", dependencies=[_door])
async def sign_in(request: Request, jieli: App) -> Response:
    """Sign in, then see what waits."""
    async with request.form(max_files=0, max_fields=8) as form:
        login, password = str(form.get("login", ""))[:64], str(form.get("password", ""))[:256]
    try:
        token, actor = await open_desk(jieli, request, login, password)
    except AppError as refusal:
        return sign_in_screen(notice(refusal.say("zh"), "stop"), refusal.status)
    waiting = await jieli.db.read(lambda conn: inbox(conn, actor.person_id))
    shown = inbox_screen([view.task for view in waiting])
    set_session(shown, jieli, token)
    return shown


@router.get("/{task_id}", dependencies=[_door])
async def show(task_id: str, request: Request, jieli: App) -> Response:
    """The task, or a sign-in form."""
    try:
        actor = await jieli.doorkeeper.actor(request)
    except AppError:
        return sign_in_screen()
    return await _screen(jieli, actor, task_id)


@router.post("/{task_id}", dependencies=[_door])
async def answer(task_id: str, request: Request, jieli: App) -> Response:
    """Sign in, or press a button."""
    async with request.form(max_files=3, max_fields=60) as form:
        if form.get("action") == "sign-in":
            return await _sign_in(jieli, request, task_id, form)
        try:
            actor = await jieli.doorkeeper.actor(request)
        except AppError as refusal:
            return sign_in_screen(notice(refusal.say("zh"), "stop"), refusal.status)
        return await _press(jieli, actor, task_id, form)


async def _press(jieli: Jieli, actor: Actor, task_id: str, form: FormData) -> Response:
    try:
        found = await jieli.db.read(lambda conn: _readable(conn, actor, task_id))
        require(actor, "task.act", found.thing)
        press = await press_of(jieli, actor, found, form)
        outcome = await jieli.db.write(lambda tx: perform(tx, actor, press))
    except AppError as refusal:
        told = notice(refusal.say("zh"), "stop")
        return await _screen(jieli, actor, task_id, told, refusal.status)
    return await _screen(jieli, actor, task_id, notice(outcome.sentence, "ok"))


async def _sign_in(jieli: Jieli, request: Request, task_id: str, form: FormData) -> Response:
    login, password = str(form.get("login", ""))[:64], str(form.get("password", ""))[:256]
    try:
        token, actor = await open_desk(jieli, request, login, password)
    except AppError as refusal:
        return sign_in_screen(notice(refusal.say("zh"), "stop"), refusal.status)
    shown = await _screen(jieli, actor, task_id)
    set_session(shown, jieli, token)
    return shown


def _readable(conn: Connection, actor: Actor, task_id: str) -> Task:
    found = task(conn, task_id)
    require(actor, "task.read", found.thing)
    return found


async def _screen(
    jieli: Jieli, actor: Actor, task_id: str, told: str = "", status: int = 200
) -> Response:
    try:
        found = await jieli.db.read(lambda conn: _readable(conn, actor, task_id))
    except AppError as refusal:
        return screen("任务打不开", notice(refusal.say("zh"), "stop"), refusal.status)
    return task_screen(found, told, status, "" if found.is_live else ALL_TASKS)
