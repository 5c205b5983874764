"""What DingTalk refuses in a request, with the code it answers; the vendor's side of the limits.

Kept apart from bots/dingtalk/limits.py on purpose: the adapter's own check must not be its judge.
Codes are those of the pages' error tables; where none is published `param.invalid` is answered.
"""

from __future__ import annotations

import json
from typing import Any

KEY_BYTES = 100
VALUE_BYTES = 1024
ROBOT_USERS = 20
DING_USERS = 200
MESSAGE_KEYS = {
    "sampleText": {"content"},
    "sampleMarkdown": {"title", "text"},
    "sampleActionCard": {"title", "text", "singleTitle", "singleURL"},
    "sampleLink": {"title", "text", "messageUrl", "picUrl"},
    "sampleImageMsg": {"photoURL"},
}


class VendorError(Exception):
    """An answer of the new API that is not 200."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        self.code, self.message, self.status = code, message or code, status
        super().__init__(f"{status} {self.code}: {self.message}")


class OldError(Exception):
    """An answer of the old API: HTTP 200 with an errcode."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        self.errcode, self.errmsg = errcode, errmsg
        super().__init__(f"{errcode}: {errmsg}")


def param_map(data: Any, *, what: str = "cardData") -> dict[str, str]:
    """The checked cardParamMap of a cardData or of one person's privateData."""
    found = data.get("cardParamMap") if isinstance(data, dict) else None
    if not isinstance(found, dict):
        raise VendorError("param.invalid", f"{what}.cardParamMap")
    for key, value in found.items():
        if not isinstance(value, str):
            raise VendorError("param.invalid", f"{key} is not a string")
        if len(key.encode()) > KEY_BYTES or len(value.encode()) > VALUE_BYTES:
            raise VendorError("param.invalid", f"{key} is too long")
    return dict(found)


def text_of(body: dict[str, Any], name: str, code: str) -> str:
    """A required text of a request."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise VendorError(code)
    return value


def robot_spaces(body: dict[str, Any]) -> list[str]:
    """The user ids of an openSpaceId of robot conversations."""
    value = text_of(body, "openSpaceId", "param.openSpaceIdEmpty")
    prefix = "dtv1.card//"
    spaces = value.removeprefix(prefix).split(";")
    users = [each.partition(".")[2] for each in spaces if each.upper().startswith("IM_ROBOT.")]
    if not value.startswith(prefix) or len(users) != len(spaces) or not all(users):
        raise VendorError("param.openSpaceIdInvalid")
    return users


def robot_params(body: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """msgKey and the parsed msgParam of a robot's message."""
    key = body.get("msgKey")
    if not isinstance(key, str) or key not in MESSAGE_KEYS:
        raise VendorError("invalidParameter.msgKey.invalid", f"msgKey {key}")
    try:
        params = json.loads(body.get("msgParam") or "")
    except (TypeError, ValueError):
        raise VendorError("invalidParameter.msgParam.invalid", "msgParam is not JSON") from None
    if not isinstance(params, dict) or not params.keys() >= MESSAGE_KEYS[key]:
        raise VendorError("invalidParameter.msgParam.invalid", "msgParam lacks a field")
    if not all(isinstance(value, str) for value in params.values()):
        raise VendorError("invalidParameter.msgParam.invalid", "msgParam holds only strings")
    return key, params


def users_of(body: dict[str, Any], name: str, most: int) -> list[str]:
    """A list of user ids in a request."""
    found = body.get(name)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise VendorError("invalidParameter.param.invalid", name)
    if not 1 <= len(found) <= most:
        raise VendorError("ding.receivercount.limit" if most == DING_USERS else "param.invalid")
    return found
