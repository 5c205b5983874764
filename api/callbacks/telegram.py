"""Telegram's webhook door, for offices with a public address; without one it is polled instead.

Any status but 2xx is repeated by Telegram. A press is answered by a call of ours, after the reply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request, Response

from api.callbacks.refusals import rejected
from api.callbacks.understanding import take
from api.deps import App
from api.doors import public
from api.routers import json_router
from bots.said import CallbackRejected
from core.errors import NOT_FOUND, AppError

if TYPE_CHECKING:
    from api.vendors import TelegramDoor

MAX_BODY = 128 * 1024

router = json_router("/callbacks", tags=("callbacks",), include_in_schema=False)
_door = public("the vendor proves itself by its secret token; persons by their bound account")


@router.post("/telegram", dependencies=[_door], max_body_size=MAX_BODY)
async def telegram(request: Request, jieli: App) -> Response:
    """One update. Stored before Telegram hears that we have it."""
    door: TelegramDoor | None = jieli.vendors.telegram
    if door is None or not door.by_webhook:
        raise AppError(NOT_FOUND, what="渠道", name="telegram")
    try:
        received = door.callbacks.receive(request.headers, await request.body())
    except CallbackRejected as refused:
        if refused.status == 200:
            return Response(status_code=200)
        return rejected(refused)
    answer = await take(jieli, "telegram", received)
    jieli.behind(door.face.answer(received, answer))
    return Response(status_code=200)
