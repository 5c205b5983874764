"""What chat vendors tell us: one door for each (wecom.py …), one way to do it (understanding.py).

Not for the vendors' formats (bots/).
"""

from __future__ import annotations

from api.callbacks import dingtalk, telegram, wecom
from api.callbacks.listening import connections
from api.callbacks.understanding import CHAT_UNBOUND, inbox_step, take, tell

__all__ = ["CHAT_UNBOUND", "ROUTERS", "connections", "inbox_step", "take", "tell"]

ROUTERS = (wecom.router, dingtalk.router, telegram.router)
