"""One connected scanner: who it is, who holds it, what it has been told.

Knows no socket: frames come in by `receive`, go out by the outlet, live events by `offer`. Every
event frame names the one before it (`after`), so a client can prove that it missed nothing.
Lives on the event loop's thread; the truth is read and written through the database each time.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from contextlib import suppress
from typing import Any

from core import events
from core.clock import SECOND, Clock, Instant, iso
from core.db import Database, Together, Tx, WriteNeededError
from core.errors import AppError
from core.events import Event
from core.once import Answered, keep_many
from core.people import (
    DEVICE_REVOKED,
    Actor,
    Device,
    check_secret,
    close_session,
    device_by_token,
    device_seen,
    enrol_device,
    open_session,
    person_by_badge,
    session_actor,
    touch_sessions,
)
from pda import answers
from pda.answers import Hands
from pda.catchup import catch_up, concerns, inbox_frames
from pda.messages import refused
from pda.outlet import MOST_UNACKED, Outlet
from pda.present import Present, Tries, device_wire, person_wire, welcome_wire
from pda.protocol import (
    BAD_VERSION,
    CLOSE_AGAIN,
    CLOSE_BAD_FRAME,
    CLOSE_DEVICE,
    HELLO_FIRST,
    NEEDS_SIGN_IN,
    VERSION,
    WRONG_PIN,
    Ack,
    Act,
    Enrol,
    Frame,
    Hello,
    Look,
    Operation,
    Ping,
    Scan,
    SignIn,
    SignOut,
    Submit,
    decode,
    encode,
    error,
    event_text,
)

STAY_EVERY = 30 * SECOND  # what only reads puts off the idle time no oftener


class Session:
    """The server's side of one scanner's connection."""

    __slots__ = (
        "_acked",
        "_actor",
        "_clock",
        "_db",
        "_held",
        "_noticed_at",
        "_present",
        "_stayed_at",
        "_token",
        "_told",
        "_tries",
        "_unacked",
        "device",
        "outlet",
        "resyncs",
    )

    def __init__(
        self, db: Database, clock: Clock, tries: Tries, present: Present, outlet: Outlet
    ) -> None:
        self._db = db
        self._clock = clock
        self._tries = tries
        self._present = present
        self.outlet = outlet
        self.device: Device | None = None
        self._actor: Actor | None = None
        self._token = ""
        self._stayed_at = self._noticed_at = 0
        self.resyncs = 0  # times this client's cursor could not be honoured
        self._told = self._acked = 0  # seq of the last event or snapshot it was sent, and it had
        self._unacked: list[int] = []  # ascending
        # Live events between knowing the person and having caught up; None once it is told live.
        self._held: list[tuple[Event, str]] | None = []

    @property
    def device_id(self) -> int | None:
        return None if self.device is None else self.device.id

    @property
    def actor(self) -> Actor | None:
        """Who holds the scanner; None before sign-in and after sign-out."""
        return self._actor

    @actor.setter
    def actor(self, now: Actor | None) -> None:
        self._present.moved(self, self._actor, now)
        self._actor = now

    # -- frames in -----------------------------------------------------------------------------
    async def hear(self, raw: str | bytes) -> None:
        """Do what one frame asks, as it came; what is wrong with it is answered, never raised."""
        try:
            frame = decode(raw)
        except AppError as problem:
            self.refuse(problem, problem.facts.get("id"))
            self.outlet.bad_frame(problem)
            await self._notice(STAY_EVERY)
            return
        self.outlet.good_frame()
        try:
            await self.receive(frame)
        except AppError as problem:
            self.refuse(problem, getattr(frame, "id", None))

    async def receive(self, frame: Frame) -> None:
        """Do what one frame asks; every answer goes through the outlet.

        Raises:
            AppError: refused; the door sends it as an error frame.
        """
        if self.device is None:
            await self._introduce(frame)
            return
        match frame:
            case Scan() | Submit() | Act():
                await self._operate(frame)
            case Look():
                await self._look(frame.submit())
            case Ack():
                self._acknowledge(frame.seq)
                await self._notice(STAY_EVERY)
            case Ping():
                await self._notice(SECOND)  # a flood of them is not asked about one by one
                self._pong(frame.n)
            case SignIn():
                await self._sign_in(frame)
            case SignOut():
                await self._sign_out(frame)
            case Hello() | Enrol():
                raise AppError(HELLO_FIRST)

    async def _introduce(self, frame: Frame) -> None:
        if not isinstance(frame, Hello | Enrol):
            self._put_out(CLOSE_BAD_FRAME, AppError(HELLO_FIRST))
            return
        if frame.v != VERSION:
            problem = AppError(BAD_VERSION, theirs=frame.v, ours=VERSION)
            self._put_out(CLOSE_BAD_FRAME, problem)
            return
        try:
            await (self._enrol(frame) if isinstance(frame, Enrol) else self._hello(frame))
        except AppError as problem:
            if problem.status < 500:
                raise
            self._put_out(CLOSE_AGAIN, problem)  # half introduced it would wait for ever

    def _put_out(self, code: int, problem: AppError) -> None:
        """Say why, then hang up."""
        self.refuse(problem)
        self.outlet.hang_up(code, problem.code)

    async def _enrol(self, frame: Enrol) -> None:
        """A code that works once becomes a device; the token is sent only here."""
        made = await self._db.write(lambda tx: enrol_device(tx, frame.code, frame.was))
        self.device = await self._db.read(lambda conn: device_by_token(conn, made.token))
        self._send(
            {
                "t": "enrolled",
                "device_token": made.token,
                "device": device_wire(self.device),
            }
        )
        await self._welcome()

    async def _hello(self, frame: Hello) -> None:
        try:
            device = await self._db.read(lambda conn: device_by_token(conn, frame.device_token))
        except AppError as problem:
            if problem.code != DEVICE_REVOKED.code:  # a database that is away revokes nobody
                raise
            self._put_out(CLOSE_DEVICE, problem)
            return
        self.device = device
        await self._db.write(lambda tx: device_seen(tx, device.id))
        if frame.session:
            await self._recognise(frame.session)
        await self._welcome()
        if self.actor is not None:
            await self._catch_up(frame.epoch, frame.cursor)

    async def _recognise(self, token: str) -> None:
        """Take up a session from before the connection broke; a stale one needs the PIN again."""
        now = self._clock.now()
        try:
            actor = await self._db.read(lambda conn: session_actor(conn, token, "pda", now, "pda"))
        except AppError as problem:
            if problem.status >= 500:
                raise
            return
        if actor.device_id == self.device_id:
            self.actor, self._token, self._noticed_at = actor, token, now

    async def _welcome(self) -> None:
        assert self.device is not None, "only a known device is welcomed"
        epoch = await self._db.read(events.epoch)
        known = {"epoch": epoch, "now": iso(self._clock.now())}
        self._send(welcome_wire(self.device, self.actor) | known)

    # -- signing in ----------------------------------------------------------------------------
    async def _sign_in(self, frame: SignIn) -> None:
        device_id = self.device_id
        self._tries.count(device_id)
        found = await self._db.read(lambda conn: person_by_badge(conn, frame.badge.strip()))
        stored = found.pin_hash if found is not None and found.active else None
        right = await asyncio.to_thread(check_secret, stored, frame.pin)
        if not right or found is None:
            raise AppError(WRONG_PIN)
        person_id = found.id

        def command(tx: Tx) -> tuple[str, Actor]:
            token = open_session(tx, person_id, "pda", device_id)
            return token, session_actor(tx.conn, token, "pda", tx.now, "pda")

        if self._token:
            await self._leave()
        token, actor = await self._db.write(command)
        self._held = []
        self._token, self.actor, self._noticed_at = token, actor, self._clock.now()
        self._tries.forgive(device_id)
        self._send(
            {
                "t": "signed_in",
                "id": frame.id,
                "session": self._token,
                "person": person_wire(self.actor),
            }
        )
        await self._catch_up(None, None)

    async def _sign_out(self, frame: SignOut) -> None:
        await self._leave()
        self._send({"t": "signed_out", "id": frame.id, "message": None})

    async def _leave(self) -> None:
        token, self._token, self.actor = self._token, "", None
        await self._db.write(lambda tx: close_session(tx, token))

    def _signed_out(self, problem: AppError) -> None:
        """The session ended (idle, revoked, person left): say so, stop telling."""
        self._token, self.actor = "", None
        message = refused(problem).to_wire()
        self._send({"t": "signed_out", "id": None, "message": message})

    # -- operations ----------------------------------------------------------------------------
    async def _operate(self, frame: Operation) -> None:
        if self.device is None or not self._token:
            self._send(answers.refusal(frame, AppError(NEEDS_SIGN_IN)))
            return
        hands = Hands(self.device.scope_id, self._token)
        try:
            reply = await self._answer(hands, frame)
        except AppError as problem:
            reply = await self._refuse(hands, frame, problem)
        self._send(reply)

    async def _answer(self, hands: Hands, frame: Operation) -> dict[str, Any]:
        """Most scans only ask: those wait for nobody's turn, but their answer is kept as well."""
        if isinstance(frame, Scan):
            with suppress(WriteNeededError):
                await self._stay()
                found = await self._db.ask(lambda tx: answers.glance(tx, hands, frame))
                if isinstance(found, Answered):
                    return await self._db.write(Together(keep_many, found))
                return found
        return await self._db.write(lambda tx: answers.answer(tx, hands, frame))

    async def _stay(self) -> None:
        """Who only asks stays signed in too."""
        now = self._clock.now()
        if abs(now - self._stayed_at) >= STAY_EVERY:
            self._stayed_at = now
            await self._db.write(Together(touch_sessions, self._token))

    async def _look(self, question: Submit) -> None:
        if self.device is None or not self._token:
            self._send(answers.refusal(question, AppError(NEEDS_SIGN_IN)))
            return
        hands = Hands(self.device.scope_id, self._token)
        try:
            await self._stay()
            reply = await self._db.ask(lambda tx: answers.look(tx, hands, question))
        except AppError as problem:
            if problem.code == "signed_out":
                self._signed_out(problem)
            reply = answers.refusal(question, problem)
        except WriteNeededError:
            reply = answers.refusal(question, answers.not_a_question(question))
        self._send(reply)

    async def _refuse(self, hands: Hands, frame: Operation, problem: AppError) -> dict[str, Any]:
        if problem.code == "signed_out":
            self._signed_out(problem)
            return answers.refusal(frame, problem)
        try:
            return await self._db.write(
                lambda tx: answers.remember_refusal(tx, hands, frame, problem)
            )
        except AppError as second:
            return answers.refusal(frame, second)

    async def _notice(self, every: Instant) -> None:
        """A session that ended meanwhile is noticed here at the latest, whatever is still sent."""
        token, now = self._token, self._clock.now()
        if not token or abs(now - self._noticed_at) < every:
            return
        self._noticed_at = now
        try:
            await self._present.roll.stands(token)
        except AppError as problem:
            if problem.status < 500:  # a database that is away signs nobody out
                self._signed_out(problem)

    def _pong(self, n: int) -> None:
        self._send({"t": "pong", "n": n, "seq": self._told, "now": iso(self._clock.now())})

    # -- events out ----------------------------------------------------------------------------
    def offer(self, event: Event, body: str) -> None:
        """A committed event of a task; told to this client if it concerns its person."""
        if self.actor is None or not concerns(event, self.actor.person_id):
            return
        if self._held is not None:
            self._held.append((event, body))
        elif event.seq > self._told:
            self._tell(event.seq, body)

    def _tell(self, seq: int, body: str) -> None:
        self.outlet.put(event_text(self._told, body))
        self._told = seq
        self._unacked.append(seq)
        if len(self._unacked) > MOST_UNACKED:
            self.outlet.give_up_slow()

    def _acknowledge(self, seq: int) -> None:
        self._acked = max(self._acked, min(seq, self._told))
        del self._unacked[: bisect_right(self._unacked, self._acked)]

    async def _catch_up(self, epoch: str | None, cursor: int | None) -> None:
        """The exact gap, or a snapshot; live events wait meanwhile and follow without a seam."""
        assert self.actor is not None, "nobody to catch up for"
        person_id = self.actor.person_id
        try:
            found = await self._db.read(lambda conn: catch_up(conn, person_id, epoch, cursor))
            if found.tasks is not None:
                self.resyncs += cursor is not None
                for text in inbox_frames(found):
                    self.outlet.put(text)
            else:
                self._told = cursor or 0
                for seq, body in found.missed:
                    self._tell(seq, body)
                count = len(found.missed)
                frame = {"t": "resumed", "epoch": found.epoch, "seq": found.seq, "count": count}
                self._send(frame)
            self._told = found.seq
        finally:
            held, self._held = self._held or [], None
        for event, body in held:
            self.offer(event, body)

    def _send(self, frame: dict[str, Any]) -> None:
        self.outlet.put(encode(frame))

    def refuse(self, problem: AppError, op_id: str | None = None) -> None:
        """Send the frame that says no to something that was not an operation."""
        self._send(error(problem, op_id))
