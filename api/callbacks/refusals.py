"""A callback that is not taken, as problem+json with the stable code of bots/."""

from __future__ import annotations

import logging

import orjson
from fastapi import Response

from bots.said import CallbackRejected

log = logging.getLogger(__name__)


def rejected(refused: CallbackRejected) -> Response:
    """The answer to a vendor, or to somebody who plays one."""
    log.warning("callback_rejected", extra={"code": refused.code})
    body = {
        "type": f"urn:jieli:problem:callback_{refused.code}",
        "title": "回调没收下",
        "status": refused.status,
        "code": f"callback_{refused.code}",
        "detail": refused.sentence,
        "detail_en": f"The callback was refused: {refused.code}.",
        "facts": {},
    }
    return Response(orjson.dumps(body), refused.status, media_type="application/problem+json")
