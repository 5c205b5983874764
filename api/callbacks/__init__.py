"""What chat vendors tell us: one door for each (wecom.py …), one way to do it (understanding.py).

Not for the vendors' formats (bots/).
"""

from __future__ import annotations

from fastapi import APIRouter

from api.callbacks import dingtalk, telegram, wecom
from api.callbacks.listening import connections
from api.callbacks.understanding import CHAT_UNBOUND, inbox_step, take, tell

__all__ = ["CHAT_UNBOUND", "connections", "inbox_step", "router", "take", "tell"]

router = APIRouter(prefix="/callbacks", tags=["callbacks"], include_in_schema=False)
for each in (wecom, dingtalk, telegram):
    router.include_router(each.router)
