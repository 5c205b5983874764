"""A local stand-in for Telegram's Bot API, good enough for python-telegram-bot and for grammY.

For the demo, for tests and for trying the product without an account; it proves our adapter
against the published rules, not against the live platform. Chats with one bot; of groups only
their limit, no media but photos and files, and no calls inside the answer to a webhook's post.
"""

from __future__ import annotations

from typing import Any

import httpx
from starlette.routing import Route

from bots.simulator.telegram.doors import Doors
from bots.simulator.telegram.fingers import CannotPress, Fingers, Posted, keys_of
from bots.simulator.telegram.updates import Updates
from bots.simulator.telegram.vendor import Fault, Person, Vendor, View
from core.clock import Clock, to_datetime

__all__ = ["CannotPress", "Fault", "Person", "Posted", "Telegram", "View", "keys_of"]


class Telegram:
    """One simulated bot and the people who use it.

    `client` posts webhooks; without it the bot must poll. Give the adapter an
    httpx.ASGITransport over an app of `routes()`, and everything happens in memory.
    """

    def __init__(
        self,
        clock: Clock,
        token: str,
        *,
        username: str = "jieli_bot",
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self.vendor = Vendor(clock, token, username)
        self.updates = Updates(client)
        self.fingers = Fingers(self.vendor, self.updates)

    @property
    def rev(self) -> int:
        """Grows with every change that somebody could see."""
        return self.vendor.rev

    def routes(self) -> list[Route]:
        """The Bot API, to be mounted where the adapter's api_base points."""
        return Doors(self.vendor, self.updates).routes()

    def add_person(self, user_id: str, name: str, title: str = "", *, started: bool = True) -> None:
        """Somebody with Telegram; `started` False: they never pressed Start."""
        self.vendor.people[user_id] = Person(user_id, name, title, started)
        self.vendor.rev += 1

    def pane(self, user_id: str) -> list[View]:
        """What this person sees, oldest first."""
        return list(self.vendor.chat(user_id))

    def order(self, fault: Fault) -> None:
        """Something to go wrong at the next call that fits."""
        self.vendor.faults.append(fault)

    def calls(self, method: str) -> int:
        """How often a method was called, e.g. `sendMessage`."""
        return self.vendor.calls.get(method, 0)

    def wire(self, view: View) -> dict[str, Any]:
        """A message for the page of panes."""
        return {
            "msg_id": view.msg_id,
            "kind": view.kind,
            "content": view.content,
            "at": to_datetime(view.at).strftime("%m-%d %H:%M"),
            "mine": view.mine,
            "grey": view.grey,
            "edited": view.edited,
            "gone": view.gone,
            "toast": view.toast,
            "alert": view.alert,
        }

    def media(self, file_id: str) -> bytes:
        """The bytes of a picture, for the page; none when there is no such file."""
        return self.vendor.files.get(file_id, ("", b""))[1]

    # -- people ----------------------------------------------------------------------------------
    async def press(self, user_id: str, label: str, msg_id: str = "", *, again: int = 0) -> Posted:
        """Press the button labelled `label` on this person's newest message that has it.

        Raises:
            CannotPress: no message of theirs shows such a button.
        """
        for view in reversed(self.pane(user_id)):
            key = next((key for key, words in keys_of(view).items() if words == label), "")
            if key and msg_id in {"", view.msg_id}:
                return await self.fingers.press(user_id, view.msg_id, key, again=again)
        raise CannotPress(f"{user_id} sees no button 「{label}」")

    async def press_key(self, user_id: str, msg_id: str, key: str) -> Posted:
        """Press a button by its data, as the page does."""
        return await self.fingers.press(user_id, msg_id, key)

    async def say(self, user_id: str, text: str, *, reply_to: str = "") -> Posted:
        """Type a text to the bot."""
        return await self.fingers.say(user_id, text, reply_to=reply_to)

    async def start(self, user_id: str, payload: str = "") -> Posted:
        """Press Start, or open the link t.me/<bot>?start=<payload>."""
        return await self.fingers.say(user_id, f"/start {payload}".strip())

    async def photo(
        self, user_id: str, data: bytes, caption: str = "", *, reply_to: str = ""
    ) -> Posted:
        """Send a photo to the bot."""
        return await self.fingers.photo(user_id, data, caption, reply_to=reply_to)

    async def block(self, user_id: str, *, blocked: bool = True) -> Posted:
        """Block the bot, or unblock it."""
        return await self.fingers.block(user_id, blocked=blocked)

    def revoke_token(self, fresh: str) -> None:
        """BotFather gave the bot another token; the old one is refused from now on."""
        self.vendor.token = fresh

    async def taken(self) -> None:
        """Until the bot has confirmed every update."""
        await self.updates.taken()
