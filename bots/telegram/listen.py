"""Fetching updates by long polling: for offices without a public address. Runs until cancelled.

An update is confirmed to Telegram only when `handle` has returned for it and for every one before
it, so nothing is lost when the database is away or this process dies; it then comes again and the
inbox knows it. One person's updates are handled in their order, different persons' side by side.
One poller a bot: a second one makes Telegram answer both with 409 in turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from bots.refusal import Refused
from bots.said import Answer, CallbackRejected, Received

if TYPE_CHECKING:
    from bots.telegram.wire import Wire

log = logging.getLogger(__name__)

POLL_SECONDS = 25
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
TOKEN_PAUSE = 60.0
CONFLICT_PAUSE = 30.0

Handle = Callable[[Received], Awaitable[Answer]]
Pause = Callable[[float], Awaitable[object]]
Numbered = tuple[int, Received]


class Listener:
    """One run of `Telegram.listen`. `read` makes an update's JSON into what a person said."""

    def __init__(
        self,
        wire: Wire,
        read: Callable[[object], Received],
        answer: Callable[[Received, Answer], Awaitable[None]],
        pause: Pause,
    ) -> None:
        self._wire, self._read, self._answer, self._pause = wire, read, answer, pause
        self._offset = 0
        self._done: set[int] = set()  # handled, but something before it is not
        self._answering: set[asyncio.Task[None]] = set()

    async def run(self, handle: Handle) -> None:
        """Poll, handle, confirm, for ever. Ends only by being cancelled."""
        try:
            failures, asked_for_webhook = 0, False
            while True:
                try:
                    if not asked_for_webhook:
                        await self._end_webhook()
                        asked_for_webhook = True
                    updates = await self._wire.updates(self._offset, POLL_SECONDS)
                except Refused as refusal:
                    failures += 1
                    await self._pause(_pause_after(refusal, failures))
                    continue
                stored = await self._take(updates, handle)
                failures = 0 if stored else failures + 1
                if not stored:
                    await self._pause(_growing(failures))
        finally:
            for task in self._answering:
                task.cancel()
            await asyncio.gather(*self._answering, return_exceptions=True)

    async def _end_webhook(self) -> None:
        """A webhook of an earlier time would make every poll a 409; asked once, at the start."""
        url, _, _ = await self._wire.webhook()
        if url:
            log.warning("telegram_webhook_ended", extra={"why": "JIELI_TELEGRAM_MODE=polling"})
            await self._wire.delete_webhook()

    async def _take(self, updates: list[Any], handle: Handle) -> bool:
        """Handle a batch and move the offset; whether all of it was stored."""
        numbers: list[int] = []
        lanes: dict[str, list[Numbered]] = {}
        for update in updates:
            number = update.get("update_id") if isinstance(update, dict) else None
            if not isinstance(number, int):
                log.error("telegram_update_without_number")
                continue
            numbers.append(number)
            try:
                received = self._read(update)
            except CallbackRejected as refused:  # it will not read better when it comes again
                log.warning("telegram_update_refused", extra={"code": refused.code})
                self._done.add(number)
                continue
            lanes.setdefault(received.said.user_id or str(number), []).append((number, received))
        ends = await asyncio.gather(*(self._lane(lane, handle) for lane in lanes.values()))
        self._advance(numbers)
        return all(ends)

    async def _lane(self, lane: list[Numbered], handle: Handle) -> bool:
        """One person's updates in order; what comes after one that failed waits with it."""
        for number, received in lane:
            if number in self._done:
                continue
            try:
                answer = await handle(received)
            except Exception:
                log.exception("telegram_not_stored", extra={"dedupe": received.dedupe_key})
                return False
            self._done.add(number)
            task = asyncio.ensure_future(self._answer(received, answer))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        return True

    def _advance(self, numbers: list[int]) -> None:
        """Confirm up to the first that is not done.

        Once all is confirmed the offset starts again at 0, "whatever was not confirmed": after a
        week without updates Telegram goes on with other, perhaps smaller, numbers.
        """
        if not numbers:
            self._offset = 0
            return
        waiting = [number for number in numbers if number not in self._done]
        self._offset = min(waiting) if waiting else max(numbers) + 1
        self._done = {number for number in self._done if number >= self._offset}


def _pause_after(refusal: Refused, failures: int) -> float:
    """How long to wait after a failed poll, and the log line that says what to do."""
    result = refusal.result
    if refusal.code == "conflict":
        log.error("telegram_conflict", extra={"why": _CONFLICT})
        return CONFLICT_PAUSE
    if refusal.code == "token":
        log.error("telegram_token", extra={"why": result.reason})
        return TOKEN_PAUSE
    log.warning("telegram_poll_failed", extra={"code": result.code, "why": result.reason})
    if result.code == "telegram_429":
        return float(result.retry_after_s)
    return _growing(failures)


def _growing(failures: int) -> float:
    return min(FIRST_PAUSE * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE)


_CONFLICT = (
    "别的程序在用同一个机器人收消息：另一台接力、测试环境，或别处登记的回调。"
    "一个机器人只能有一个：停掉另一个，或给测试环境另建一个机器人。"
)
