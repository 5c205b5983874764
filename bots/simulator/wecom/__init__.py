"""A local stand-in for WeCom that speaks its wire format.

For the demo, for tests and for trying the product without an account; it proves our adapter
against the published rules, not against the live platform. No vendor is contacted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from bots.simulator.wecom.doors import routes
from bots.simulator.wecom.envelope import Envelope
from bots.simulator.wecom.press import CannotPress, Posted, Pressing, keys_of
from bots.simulator.wecom.vendor import Fault, Person, Vendor, View
from core.clock import Clock, to_datetime

__all__ = ["CannotPress", "Fault", "Person", "Posted", "View", "WeComSimulator", "keys_of"]


class WeComSimulator:
    """One simulated corporation with one application.

    `client` posts the callbacks to `callback_url`; give it httpx.ASGITransport(api) and give the
    adapter httpx.ASGITransport(simulator.app), and everything happens in memory.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        corp_id: str,
        agent_id: int,
        secret: str,
        token: str,
        aes_key: str,
        callback_url: str,
        client: httpx.AsyncClient,
    ) -> None:
        self.vendor = Vendor(clock, corp_id, agent_id, secret)
        envelope = Envelope(corp_id, token, aes_key)
        self.pressing = Pressing(self.vendor, envelope, callback_url, client)
        self.app = Starlette(routes=self.routes())

    @property
    def rev(self) -> int:
        """Grows with everything that a pane would show differently."""
        return self.vendor.rev

    def routes(self) -> list[BaseRoute]:
        """The vendor's doors, to be mounted wherever the adapter's addresses point to."""
        return routes(self.vendor)

    def wire(self, view: View) -> dict[str, Any]:
        """A message for the page."""
        return {
            "msg_id": view.msg_id,
            "kind": view.kind,
            "content": view.content,
            "at": to_datetime(view.sent_at).strftime("%m-%d %H:%M"),
            "mine": view.from_member,
            "grey": view.grey,
            "gone": view.recalled,
        }

    def all_of(self, user_id: str) -> list[View]:
        """What stands in this member's pane, recalled messages too, oldest first."""
        return [view for view in self.vendor.views.values() if view.user_id == user_id]

    def add_person(
        self, user_id: str, name: str, title: str = "", *, licensed: bool = True
    ) -> None:
        """A member who can get messages; each has a pane on the page."""
        self.vendor.people[user_id] = Person(user_id, name, title, licensed)
        self.vendor.rev += 1

    def pane(self, user_id: str) -> list[View]:
        """What this member sees, oldest first; recalled messages are not seen."""
        views = [view for view in self.vendor.views.values() if view.user_id == user_id]
        return [view for view in views if not view.recalled]

    def order(self, fault: Fault) -> None:
        """Something to go wrong at the next call that fits."""
        self.vendor.faults.append(fault)

    def calls(self, path: str) -> int:
        """How often an endpoint was called, e.g. `gettoken` or `message/send`."""
        return self.vendor.calls.get(path, 0)

    async def press(
        self,
        user_id: str,
        label: str,
        *,
        msg_id: str = "",
        selected: Mapping[str, Sequence[str]] | None = None,
    ) -> Posted:
        """Press the button labelled `label` on this member's newest card (or on `msg_id`).

        Raises:
            CannotPress: no live card of theirs shows such a button.
        """
        for view in reversed(self.pane(user_id)):
            if msg_id not in {"", view.msg_id} or view.grey:
                continue
            key = _key_of(view, label)
            if key:
                return await self.pressing.press(user_id, view.msg_id, key, selected)
        raise CannotPress(f"{user_id} sees no button 「{label}」")

    async def say(self, user_id: str, text: str) -> Posted:
        """Type a text to the application."""
        return await self.pressing.say(user_id, text)

    async def photo(self, user_id: str, data: bytes) -> Posted:
        """Send a picture to the application."""
        return await self.pressing.photo(user_id, data)

    async def verify_callback(self) -> bool:
        """Do what the console does when the callback address is saved."""
        return await self.pressing.verify()


def _key_of(view: View, label: str) -> str:
    buttons = [*view.content.get("button_list", ())]
    buttons += [view.content["submit_button"]] if "submit_button" in view.content else []
    return next((each.get("key", "") for each in buttons if each["text"] == label), "")
