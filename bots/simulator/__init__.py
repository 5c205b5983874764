"""Local stand-ins for WeCom, DingTalk and Telegram that speak their wire formats; a page at /sim.

For the demo, for tests and for trying the product without an account; they prove our adapters
against the published rules and the vendors' own SDKs, not against the live platforms. No vendor is
contacted.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from bots.simulator.desks import Desk
from bots.simulator.page import Page
from bots.simulator.watching import Tapped, Wiretap
from core.clock import Clock

__all__ = ["Desk", "Wiretap", "together"]


def together(
    desks: list[Desk],
    routes: list[BaseRoute],
    clock: Clock,
    tap: Wiretap,
    jump: Callable[[int], None] | None = None,
) -> ASGIApp:
    """The vendors' doors (`routes`) at one address, and the page of their panes at /sim."""
    named = {desk.name: desk for desk in desks}
    page = Page(named, clock, tap, jump)
    app = Starlette(routes=[*page.routes(), *routes])
    return Tapped(app, tap, "/sim")
