"""What chat vendors tell us: stored first, understood at once if that takes under three seconds.

A click is the same verb as everywhere: `core.actions.press_token` as the person whose account the
vendor vouches for. The vendor hangs up after 5 s, so a slower press gets an empty 200 and is
finished behind the request, or by the engine's inbox step after a crash: same operation id, one
effect. Not for verifying or reading the vendor's envelope (bots/wecom).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter, Request, Response

from api.deps import App, Jieli
from api.doors import public
from bots import commands
from bots.said import Answer, CallbackRejected, Click, Word, said_from
from core.actions import press_token
from core.clock import SECOND, Instant
from core.db import Database, Tx
from core.engine import Step
from core.errors import NOT_FOUND, AppError, define
from core.outbox import inbox
from core.outbox.surfaces import add_code, amend_handle, surface_of_card
from core.people import Actor, actor_of, person_by_chat
from core.tasks.rules import ALREADY_DONE, NOT_YOURS, STALE_CARD

if TYPE_CHECKING:
    from bots.wecom import Callbacks

log = logging.getLogger(__name__)

CHAT_UNBOUND = define(
    "chat_unbound",
    403,
    "没办成:你的企业微信账号还没有和接力里的人绑定。请管理员在「人员」里绑定一次,然后再试。",
    "Not done: your chat account is not bound to a person here. Ask an admin to bind it.",
)
GRACE: Instant = 6 * SECOND  # the engine leaves a fresh callback to the request that brought it
AT_ONCE = 20
MAX_BODY = 128 * 1024
_OVER = {ALREADY_DONE.code: "result", STALE_CARD.code: "now", NOT_YOURS.code: "now"}

router = APIRouter(prefix="/callbacks", tags=["callbacks"], include_in_schema=False)
_door = public("the vendor proves itself by signature; persons by their bound account")


def _callbacks(jieli: Jieli) -> Callbacks:
    if jieli.vendors.callbacks is None:
        raise AppError(NOT_FOUND, what="渠道", name="wecom")
    return jieli.vendors.callbacks


def _rejected(code: str, status: int, sentence: str) -> Response:
    """A callback that is not taken, as problem+json with the stable code of bots/wecom."""
    body = {
        "type": f"urn:jieli:problem:callback_{code}",
        "title": "回调没收下",
        "status": status,
        "code": f"callback_{code}",
        "detail": sentence,
        "detail_en": f"The callback was refused: {code}.",
        "facts": {},
    }
    return Response(orjson.dumps(body), status, media_type="application/problem+json")


@router.get("/wecom", dependencies=[_door])
async def wecom_echo(request: Request, jieli: App) -> Response:
    """The console checks that this address holds its keys: answer the decrypted text as it is."""
    try:
        text = _callbacks(jieli).verify_echo(dict(request.query_params))
    except CallbackRejected as refused:
        return _rejected(refused.code, refused.status, refused.sentence)
    return Response(text, media_type="text/plain")


@router.post("/wecom", dependencies=[_door], max_body_size=MAX_BODY)
async def wecom(request: Request, jieli: App) -> Response:
    """A click or words. Stored, then answered within three seconds, one way or the other."""
    callbacks = _callbacks(jieli)
    try:
        received = callbacks.receive(dict(request.query_params), await request.body())
    except CallbackRejected as refused:
        if refused.status == 200:
            return Response(status_code=200)
        log.warning("callback_rejected", extra={"code": refused.code})
        return _rejected(refused.code, refused.status, refused.sentence)
    body = received.body()
    began = asyncio.get_running_loop().time()
    key = received.dedupe_key
    stored = await jieli.spool.take("wecom", key, body, within=jieli.store_seconds)
    callbacks.remember(received)
    if stored is None:  # the database is away: a file has it, the engine will understand it
        return Response(status_code=200)
    if not stored.fresh:
        return _passive(callbacks, body, stored.answer)
    work = asyncio.create_task(understand(jieli.db, stored.id, key, body))
    jieli.late.add(work)
    work.add_done_callback(jieli.late.discard)
    try:
        left = jieli.callback_seconds - (asyncio.get_running_loop().time() - began)
        answer = await asyncio.wait_for(asyncio.shield(work), max(0.0, left))
    except TimeoutError:
        work.add_done_callback(_log_late)
        return Response(status_code=200)
    return _passive(callbacks, body, answer.to_json())


def _log_late(work: asyncio.Task[Answer]) -> None:
    """A press that outlived its request: its card is updated by the outbox, not by the reply."""
    if not work.cancelled() and work.exception() is not None:
        log.error("callback_failed_late", exc_info=work.exception())


def _passive(callbacks: Callbacks, body: dict[str, Any], answer: dict[str, Any] | None) -> Response:
    """The reply that changes the presser's own card, or an empty 200."""
    said = said_from(body)
    if answer is None or answer.get("kind") in (None, "nothing"):
        return Response(status_code=200)
    if answer["kind"] == "pressed" and isinstance(said, Click):
        xml = callbacks.reply_pressed(said, str(answer["said"]))
    else:
        xml = callbacks.reply_text(said.user_id, str(answer["said"]))
    return Response(xml, media_type="application/xml")


async def understand(
    db: Database, callback_id: int, dedupe_key: str, body: dict[str, Any], *, late: bool = False
) -> Answer:
    """Do what the callback asks, once, and keep what came of it.

    `late`: no passive reply will follow, so the click's own code can still update a card.
    """
    said = said_from(body)
    if isinstance(said, Click):
        return await _press(db, callback_id, dedupe_key, said, late=late)
    if isinstance(said, Word):
        return await _typed(db, callback_id, dedupe_key, said)
    answer = Answer("nothing")
    await db.write(lambda tx: inbox.finish(tx, callback_id, answer.to_json()))
    return answer


async def _typed(db: Database, callback_id: int, dedupe_key: str, word: Word) -> Answer:
    """Words are verbs too; whoever repeats them (the vendor does) gets the first answer again."""

    def finish(tx: Tx, told: str) -> Answer:
        answer = Answer("text", told)
        inbox.finish(tx, callback_id, answer.to_json())
        return answer

    def command(tx: Tx) -> Answer:
        actor = _actor(tx, word.user_id)
        return finish(tx, commands.answer(tx, actor, word.text, dedupe_key))

    try:
        return await db.write(command)
    except AppError as refusal:
        if refusal.status >= 500:
            raise
        told = refusal.say("zh")
        return await db.write(lambda tx: finish(tx, told))


def _actor(tx: Tx, user_id: str) -> Actor:
    person_id = person_by_chat(tx.conn, "wecom", user_id)
    if person_id is None:
        raise AppError(CHAT_UNBOUND)
    return actor_of(tx.conn, person_id, "wecom")


async def _press(
    db: Database, callback_id: int, dedupe_key: str, click: Click, *, late: bool
) -> Answer:
    def command(tx: Tx) -> Answer:
        press_token(tx, _actor(tx, click.user_id), click.token, dict(click.inputs), dedupe_key)
        # No passive reply: it would spend the code with which the outbox now edits the card.
        return _finish(tx, callback_id, click, Answer("nothing"), keep_code=True)

    try:
        return await db.write(command)
    except AppError as refusal:
        if refusal.status >= 500:
            raise
        name = _OVER.get(refusal.code)
        told = str(refusal.facts.get(name, "")) if name else ""
        answer = Answer("pressed", told) if told else Answer("text", refusal.say("zh"))
        return await db.write(lambda tx: _finish(tx, callback_id, click, answer, keep_code=late))


def _finish(tx: Tx, callback_id: int, click: Click, answer: Answer, *, keep_code: bool) -> Answer:
    from bots.wecom import CODE_LIVES, card_id_of

    inbox.finish(tx, callback_id, answer.to_json())
    if keep_code and click.code:
        surface = surface_of_card(tx.conn, card_id_of(click.card))
        if surface is not None:
            ends = tx.now + CODE_LIVES
            amend_handle(tx, surface.id, lambda known: add_code(known, click.code, ends))
    return answer


async def _put_off(db: Database, callback_id: int, why: str) -> None:
    await db.write(lambda tx: inbox.put_off(tx, callback_id, why))


def inbox_step(db: Database) -> Step:
    """The engine step that finishes callbacks whose request died before it was done."""

    async def run() -> int:
        ripe = db.clock.now() - GRACE
        waiting = await db.read(lambda conn: inbox.pending(conn, db.clock.now(), AT_ONCE))
        found = [each for each in waiting if each.received_at <= ripe]
        for each in found:
            try:
                await understand(db, each.id, each.dedupe, each.body, late=True)
            except Exception as problem:
                log.exception("callback_failed", extra={"callback": each.id})
                why = f"{type(problem).__name__}: {problem}"
                await _put_off(db, each.id, why)
        return len(found)

    def next_due(conn: Any) -> Instant | None:
        waiting = inbox.pending(conn, db.clock.now() + GRACE, 1)
        if not waiting:
            return inbox.next_due(conn)
        return waiting[0].received_at + GRACE

    return Step("callbacks", run, next_due, (inbox.INBOX,))
