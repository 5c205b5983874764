"""A local stand-in for DingTalk that speaks its wire formats: HTTP, old HTTP, long connection.

For the demo, for tests and for trying the product without an account; it proves our adapter against
the published rules and the official SDKs, not against the live platform. No vendor is contacted.
It shares no code with bots/dingtalk: two sides that share code share mistakes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from starlette.routing import BaseRoute

from bots.simulator.dingtalk.doors import Doors, Group
from bots.simulator.dingtalk.gateway import Gateway
from bots.simulator.dingtalk.login import Login
from bots.simulator.dingtalk.notices import Notices
from bots.simulator.dingtalk.press import CannotPress, Fingers, Posted
from bots.simulator.dingtalk.template import Template
from bots.simulator.dingtalk.vendor import Fault, Person, Vendor, View
from core.clock import Clock, to_datetime

__all__ = ["CannotPress", "DingTalkSimulator", "Fault", "Person", "Posted", "Vendor", "View"]

JsonObject = dict[str, Any]


class DingTalkSimulator:
    """One simulated corporation with one application.

    `templates`: published card templates, id → the exported file's JSON. Callbacks go over the
    long connection, or through `client`: those of cards made for HTTP to the registered address,
    messages to `message_url`. Give the adapter httpx.ASGITransport over an app made of `routes()`
    and everything but the long connection happens in memory.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        client_id: str,
        client_secret: str,
        robot_code: str = "",
        agent_id: str = "0",
        templates: Mapping[str, Mapping[str, Any]] | None = None,
        client: httpx.AsyncClient | None = None,
        message_url: str = "",
    ) -> None:
        robot = robot_code or client_id
        self.vendor = Vendor(clock, client_id, client_secret, "dingcorp", robot)
        for template_id, exported in (templates or {}).items():
            self.vendor.templates[template_id] = Template(exported)
        self.gateway = Gateway(self.vendor)
        self.groups: dict[str, Group] = {}
        self.notices = Notices(self.vendor, agent_id)
        self._doors = Doors(self.vendor, self.gateway, self.groups, self.notices)
        self.fingers = Fingers(self.vendor, self.gateway, self._doors, client, message_url)

    @property
    def rev(self) -> int:
        """Grows with everything that a pane would show differently."""
        return self.vendor.rev

    def routes(self) -> list[BaseRoute]:
        """The vendor's doors, to be mounted wherever the adapter's addresses point to."""
        return [*self._doors.routes(), *Login(self.vendor).routes()]

    def add_person(self, user_id: str, name: str, title: str = "") -> None:
        """Somebody of the corporation; each has a pane on the page."""
        self.vendor.people[user_id] = Person(user_id, name, title)
        self.vendor.rev += 1

    def leaves(self, user_id: str) -> None:
        """This person leaves the corporation."""
        self.vendor.people[user_id].left = True

    def add_group(self, token: str, secret: str) -> Group:
        """A group with its own robot."""
        self.groups[token] = Group(token, secret)
        return self.groups[token]

    def pane(self, user_id: str) -> list[View]:
        """What this person sees, oldest first; what was taken back is marked `gone`."""
        return [view for view in self.vendor.views.values() if view.user_id == user_id]

    def order(self, fault: Fault) -> None:
        """Something to go wrong at the next call that fits."""
        self.vendor.faults.append(fault)

    def calls(self, name: str) -> int:
        """How often a method was called: `oauth2/accessToken`, `PUT card/instances`, …"""
        return self.vendor.calls.get(name, 0)

    async def press(self, user_id: str, label: str, msg_id: str = "") -> Posted:
        """Press the button with that text; CannotPress when there is none."""
        return await self.fingers.press(user_id, label, msg_id)

    async def say(self, user_id: str, text: str) -> Posted:
        """Type a text to the robot."""
        return await self.fingers.say(user_id, text)

    async def photo(self, user_id: str, data: bytes, caption: str = "") -> Posted:
        """Send a picture to the robot."""
        return await self.fingers.photo(user_id, data, caption)

    def picture(self, media: str) -> bytes:
        """An uploaded or sent picture; empty when there is none."""
        return self.vendor.media.get(media, b"")

    def wire(self, view: View) -> JsonObject:
        """A message for the page: cards as what their template draws."""
        blocks = self.vendor.blocks(view) if view.kind == "card" else []
        return {
            "msg_id": view.msg_id,
            "kind": view.kind,
            "at": to_datetime(view.at).strftime("%m-%d %H:%M"),
            "mine": view.mine,
            "closed": view.closed,
            "edited": view.edited,
            "gone": view.gone,
            "content": {} if blocks else view.content,
            "blocks": blocks,
        }
