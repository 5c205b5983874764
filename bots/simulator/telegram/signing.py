"""What Telegram writes behind the # of a page that a button opens: who opened it, signed.

Deliberately not bots/telegram/proof.py: written from the vendor's description on its own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import quote, urlencode

from bots.simulator.telegram.vendor import Vendor
from core.clock import SECOND


def init_data(vendor: Vendor, user_id: str) -> str:
    """The signed query string for one person, as of now."""
    person = vendor.people[user_id]
    fields = {
        "query_id": f"AA{vendor.number():08d}",
        "user": json.dumps({"id": int(user_id), "first_name": person.name}, ensure_ascii=False),
        "auth_date": str(vendor.clock.now() // SECOND),
    }
    check = "\n".join(f"{key}={value}" for key, value in sorted(fields.items()))
    secret = hmac.digest(b"WebAppData", vendor.token.encode(), "sha256")
    sign = hmac.new(secret, check.encode(), hashlib.sha256).hexdigest()
    return urlencode(fields | {"hash": sign}, quote_via=quote)


def opened(vendor: Vendor, user_id: str, url: str) -> str:
    """The address that the app opens for a button of the kind web_app."""
    return f"{url}#tgWebAppData={quote(init_data(vendor, user_id), safe='')}&tgWebAppVersion=8.0"
