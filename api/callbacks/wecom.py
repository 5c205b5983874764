"""WeCom's callback door: verified and read by bots/wecom, answered by passive replies.

Five seconds, three tries, any status but 200 is tried again. Not for doing what was said.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fastapi import Request, Response

from api.callbacks.refusals import rejected
from api.callbacks.understanding import take
from api.deps import App, Jieli
from api.doors import public
from api.routers import json_router
from bots.said import Answer, CallbackRejected, Click, Said
from core.errors import NOT_FOUND, AppError

if TYPE_CHECKING:
    from bots.wecom import Callbacks

log = logging.getLogger(__name__)

MAX_BODY = 128 * 1024

router = json_router("/callbacks", tags=("callbacks",), include_in_schema=False)
_door = public("the vendor proves itself by signature; persons by their bound account")


def _callbacks(jieli: Jieli) -> Callbacks:
    if jieli.vendors.wecom_callbacks is None:
        raise AppError(NOT_FOUND, what="渠道", name="wecom")
    return jieli.vendors.wecom_callbacks


@router.get("/wecom", dependencies=[_door])
async def wecom_echo(request: Request, jieli: App) -> Response:
    """The console checks that this address holds its keys: answer the decrypted text as it is."""
    try:
        text = _callbacks(jieli).verify_echo(dict(request.query_params))
    except CallbackRejected as refused:
        return rejected(refused)
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
        return rejected(refused)
    answer = await take(jieli, "wecom", received)
    callbacks.remember(received)
    return _passive(callbacks, received.said, answer)


def _passive(callbacks: Callbacks, said: Said, answer: Answer) -> Response:
    """The reply that changes the presser's own card, or an empty 200."""
    if answer.kind == "nothing":
        return Response(status_code=200)
    if answer.kind == "pressed" and isinstance(said, Click):
        xml = callbacks.reply_pressed(said, answer.said)
    else:
        xml = callbacks.reply_text(said.user_id, answer.said)
    return Response(xml, media_type="application/xml")
