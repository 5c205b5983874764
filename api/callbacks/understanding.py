"""What chat vendors tell us: stored first, understood at once if that takes under three seconds.

A click is the same verb as everywhere: `core.actions.press_token` as the person whose account the
vendor vouches for. The vendor hangs up after a few seconds, so a slower press is answered emptily
and finished behind the request, or by the engine's inbox step after a crash: same operation id, one
effect. Not for verifying or reading a vendor's envelope (bots/) and not for its answers (wecom.py
and its neighbours).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from api.callbacks.photos import keep_sent
from api.callbacks.showing import show
from api.deps import Jieli
from bots.commands import Reply, reply
from bots.said import Answer, Click, Other, Photo, Received, Said, Word, said_from
from bots.words import code_in
from core.actions import press_token
from core.clock import HOUR, SECOND, Instant
from core.db import Tx
from core.engine import Step
from core.errors import AppError, define
from core.outbox import inbox
from core.outbox.surfaces import add_code, amend_handle, surface_of_card
from core.people import Actor, actor_of, person_by_chat
from core.tasks.binding import ask_to_bind
from core.tasks.rules import ALREADY_DONE, NOT_YOURS, STALE_CARD
from core.tasks.sent import Hint, place_photo

log = logging.getLogger(__name__)

CHAT_UNBOUND = define(
    "chat_unbound",
    403,
    "没办成：你的聊天账号还没有和接力里的人绑定。"
    "请管理员给一个绑定码，然后发「绑定 绑定码」到这里。",
    "Not done: your chat account is not bound to a person here. Ask an admin for a code, "
    "then send “绑定 CODE”.",
)
GIVEN_UP = define(
    "callback_given_up",
    503,
    "没办成：系统几次都没能处理你刚才按的或发的，什么也没有改。请过几分钟再按一次，或再发一次。",
    "Not done: what you pressed or sent could not be processed, nothing was changed. "
    "Press or send it again in a few minutes.",
)
GRACE: Instant = 6 * SECOND  # the engine leaves a fresh callback to the request that brought it
CODE_LIVES: Instant = 72 * HOUR  # of the code that WeCom sends with a click
UNREACHED_TRIES = 10  # while the vendor does not give what it sent us: 8½ minutes
AT_ONCE = 20
NOTHING = Answer("nothing")
_OVER = {ALREADY_DONE.code: "result", STALE_CARD.code: "now", NOT_YOURS.code: "now"}


async def take(
    jieli: Jieli, channel: str, received: Received, seconds: float | None = None
) -> Answer:
    """Keep what somebody said on `channel`, do it, and tell what to answer, all within `seconds`.

    What takes longer (3 seconds unless said) is answered with nothing, and told in words when it is
    done.

    Raises:
        OSError: neither the database nor the disk takes it. The vendor must bring it again.
    """
    began = asyncio.get_running_loop().time()
    key, body = received.dedupe_key, received.body()
    patience = jieli.callback_seconds if seconds is None else seconds
    within = jieli.store_seconds if seconds is None else min(jieli.store_seconds, seconds)
    stored = await jieli.spool.take(channel, key, body, within=within)
    if stored is None:  # the database is away: a file has it, the engine will understand it
        return NOTHING
    if not stored.fresh and not _pressed_again(received.said, stored.answer):
        return NOTHING if stored.answer is None else Answer(**_spoken(stored.answer))
    call = _Call(stored.id, channel, key, again=not stored.fresh)
    work = jieli.behind(_understand(jieli, call, received.said))
    try:
        left = patience - (asyncio.get_running_loop().time() - began)
        return await asyncio.wait_for(asyncio.shield(work), max(0.0, left))
    except TimeoutError:
        jieli.behind(_tell_late(jieli, channel, received.said, work))
        return NOTHING


def _pressed_again(said: Said, answer: dict[str, Any] | None) -> bool:
    """DingTalk's presses carry neither a time nor a number: what was refused once ("not bound")
    may be a new press, and asking again is harmless.
    """
    return isinstance(said, Click) and answer is not None and answer.get("kind") != "nothing"


def _spoken(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer as it was kept; a callback that was given up has none."""
    return answer if "kind" in answer else NOTHING.to_json()


async def _tell_late(jieli: Jieli, channel: str, said: Said, work: asyncio.Task[Answer]) -> None:
    """The request is over: what it should have been answered goes as words of its own."""
    try:
        await tell(jieli, channel, said, await work)
    except Exception:
        log.exception("callback_failed_late", extra={"channel": channel})


async def tell(jieli: Jieli, channel: str, said: Said, answer: Answer) -> None:
    """Say `answer` to whoever said `said`; one attempt, for what is already done or refused."""
    face = jieli.vendors.faces.get(channel)
    if answer.kind != "nothing" and face is not None:
        result = await face.tell(said.user_id, answer.said)
        if result.kind != "sent":
            log.warning("answer_not_told", extra={"channel": channel, "why": result.code})


class _DoneElsewhereError(Exception):
    """Another process understood this callback first: what was done here must not be kept."""


class _Call:
    """One stored callback: its row, its channel and the vendor's own key of it.

    `late`: no request waits for it any more. `again`: its row is done, as it was pressed before.
    """

    def __init__(
        self, row: int, channel: str, key: str, *, late: bool = False, again: bool = False
    ) -> None:
        self.row, self.channel, self.key, self.late, self.again = row, channel, key, late, again

    def person(self, conn: Connection, user_id: str) -> int:
        person_id = person_by_chat(conn, self.channel, user_id)
        if person_id is None:
            raise AppError(CHAT_UNBOUND)
        return person_id

    def actor(self, tx: Tx, user_id: str) -> Actor:
        return actor_of(tx.conn, self.person(tx.conn, user_id), self.channel)

    def finish(self, tx: Tx, answer: Answer) -> Answer:
        """Keep the answer with what was done; words have no operation id, so the row is theirs.

        Raises:
            _DoneElsewhereError: somebody else did it meanwhile; the command is undone.
        """
        if not inbox.finish(tx, self.row, answer.to_json()) and not self.again:
            raise _DoneElsewhereError
        return answer


async def _understand(jieli: Jieli, call: _Call, said: Said) -> Answer:
    """Do what was said, once, and keep what came of it. Whoever did it is who tells."""
    try:
        return await _do(jieli, call, said)
    except _DoneElsewhereError:
        return NOTHING


async def _do(jieli: Jieli, call: _Call, said: Said) -> Answer:
    if isinstance(said, Click):
        return await _press(jieli, call, said)
    if isinstance(said, Word):
        answer = await _spoken_to(jieli, call, lambda tx: _typed(tx, call, said))
        if answer.picture:
            jieli.behind(show(jieli, call.channel, said.user_id, answer.picture))
        return answer
    if isinstance(said, Photo):
        return await _photo(jieli, call, said)
    return await jieli.db.write(lambda tx: call.finish(tx, NOTHING))


def _typed(tx: Tx, call: _Call, word: Word) -> Reply:
    """Words of a bound account are verbs; those of another can only say who it is."""
    code = code_in(word.text)
    if code:
        return Reply(ask_to_bind(tx, call.channel, word.user_id, code, word.shown_as))
    return reply(tx, call.actor(tx, word.user_id), word.text, call.key)


async def _spoken_to(jieli: Jieli, call: _Call, say: Callable[[Tx], Reply]) -> Answer:
    """Words are verbs too; whoever repeats them (vendors do) gets the first answer again."""
    try:
        return await jieli.db.write(lambda tx: call.finish(tx, _said(say(tx))))
    except AppError as refusal:
        if refusal.status >= 500:
            raise
        told = Answer("text", refusal.say("zh"))
        return await jieli.db.write(lambda tx: call.finish(tx, told))


def _said(reply: Reply) -> Answer:
    return Answer("text", reply.text, reply.picture)


async def _photo(jieli: Jieli, call: _Call, sent: Photo) -> Answer:
    """Kept first, whoever sent it is asked for only then: bytes are fetched outside the command."""
    try:
        await jieli.db.read(lambda conn: call.person(conn, sent.user_id))
        kept = await keep_sent(jieli, call.channel, sent)
    except AppError as refusal:
        if refusal.status >= 500:
            raise
        told = Answer("text", refusal.say("zh"))
        return await jieli.db.write(lambda tx: call.finish(tx, told))
    hint = Hint(call.channel, sent.reply_to, sent.caption)
    return await _spoken_to(
        jieli, call, lambda tx: Reply(place_photo(tx, call.actor(tx, sent.user_id), kept, hint))
    )


async def _press(jieli: Jieli, call: _Call, click: Click) -> Answer:
    def command(tx: Tx) -> Answer:
        actor = call.actor(tx, click.user_id)
        done = press_token(tx, actor, click.token, dict(click.inputs), call.key)
        if not done.ended:  # nothing changes on the card by itself: say what it waits for
            return call.finish(tx, Answer("text", done.sentence))
        # No passive reply: it would spend the code with which the outbox now edits the card.
        _keep_code(tx, click)
        return call.finish(tx, NOTHING)

    try:
        return await jieli.db.write(command)
    except AppError as refusal:
        if refusal.status >= 500:
            raise
        name = _OVER.get(refusal.code)
        over = str(refusal.facts.get(name, "")) if name else ""
        told = Answer("pressed", over) if over else Answer("text", refusal.say("zh"))
        return await jieli.db.write(lambda tx: _refused(tx, call, click, told))


def _refused(tx: Tx, call: _Call, click: Click, told: Answer) -> Answer:
    if call.late:  # no passive reply follows, so the click's own code can still update a card
        _keep_code(tx, click)
    return call.finish(tx, told)


def _keep_code(tx: Tx, click: Click) -> None:
    if click.code:
        surface = surface_of_card(tx.conn, click.card.partition("@")[0])
        if surface is not None:
            ends = tx.now + CODE_LIVES
            amend_handle(tx, surface.id, lambda known: add_code(known, click.code, ends))


def inbox_step(jieli: Jieli) -> Step:
    """The engine step that finishes callbacks whose request died before it was done."""
    db = jieli.db

    async def run() -> int:
        now = db.clock.now()
        found = await db.read(lambda conn: inbox.pending(conn, now, AT_ONCE, grace=GRACE))
        for each in found:
            try:
                said = said_from(each.body)
                call = _Call(each.id, each.channel, each.dedupe, late=True)
                await tell(jieli, each.channel, said, await _understand(jieli, call, said))
            except Exception as problem:
                log.exception("callback_failed", extra={"callback": each.id})
                await _put_off(jieli, each, problem)
        return len(found)

    def next_due(conn: Connection) -> Instant | None:
        return inbox.next_due(conn, GRACE)

    return Step("callbacks", run, next_due, (inbox.INBOX,))


async def _put_off(jieli: Jieli, failed: inbox.Callback, problem: Exception) -> None:
    """Try again later; whoever said what is given up hears that it was for nothing."""
    why = f"{type(problem).__name__}: {problem}"
    most = UNREACHED_TRIES if isinstance(problem, ConnectionError) else inbox.MOST_TRIES
    if not await jieli.db.write(lambda tx: inbox.put_off(tx, failed.id, why, most)):
        return
    jieli.metrics.callbacks_given_up.inc()
    which = {"callback": failed.id, "channel": failed.channel, "why": type(problem).__name__}
    log.error("callback_given_up", extra=which)
    user_id = str(failed.body.get("user_id", ""))
    if user_id:
        told = Answer("text", AppError(GIVEN_UP).say("zh"))
        await tell(jieli, failed.channel, Other(user_id, "given up"), told)
