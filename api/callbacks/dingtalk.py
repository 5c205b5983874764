"""DingTalk's callback door, for who has a public address; without one the Stream brings the same.

Two seconds for a card: what takes longer is acknowledged and told later. A press is answered with a
note for the presser, words by a message of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request, Response

from api.callbacks.refusals import rejected
from api.callbacks.understanding import take, tell
from api.deps import App, as_json
from api.doors import public
from api.routers import json_router
from bots.said import Answer, CallbackRejected, Click
from core.errors import NOT_FOUND, AppError

if TYPE_CHECKING:
    from api.vendors import DingTalkDoor

MAX_BODY = 128 * 1024
SECONDS = 1.5  # of the two that DingTalk waits

router = json_router("/callbacks", tags=("callbacks",), include_in_schema=False)
_door = public("the vendor proves itself by signature; persons by their bound account")


@router.post("/dingtalk", dependencies=[_door], max_body_size=MAX_BODY)
async def dingtalk(request: Request, jieli: App) -> Response:
    """A press on a card or words to the robot. Stored, then answered within two seconds."""
    door: DingTalkDoor | None = jieli.vendors.dingtalk
    if door is None or not door.by_http:
        raise AppError(NOT_FOUND, what="渠道", name="dingtalk")
    try:
        received = door.callbacks.receive(request.headers, await request.body())
    except CallbackRejected as refused:
        if refused.status == 200:
            return as_json({})
        return rejected(refused)
    answer = await take(jieli, "dingtalk", received, SECONDS)
    if isinstance(received.said, Click):
        return as_json(door.answered(answer))
    if answer != Answer("nothing"):
        jieli.behind(tell(jieli, "dingtalk", received.said, answer))
    return as_json({})
