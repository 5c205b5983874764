"""What people do with the bot: press Start, press a button, type, send a photo, block it.

Each becomes an Update as Telegram writes it. A press that nobody answers may come again as a new
one (tdlib/telegram-bot-api#699): `again` orders that.
"""

from __future__ import annotations

from dataclasses import dataclass

from bots.simulator.telegram.checks import JsonObject
from bots.simulator.telegram.updates import Updates
from bots.simulator.telegram.vendor import Person, Press, Vendor, View, chat_of, user_of
from core.clock import SECOND


class CannotPress(Exception):  # noqa: N818  # the name says what happened
    """The message in the pane offers no such button (any more)."""


@dataclass(frozen=True, slots=True)
class Posted:
    """How an update went out: the webhook's answers; none when it waits for a poll."""

    statuses: tuple[int, ...] = ()
    query_ids: tuple[str, ...] = ()


@dataclass(slots=True)
class Fingers:
    """The people's hands."""

    vendor: Vendor
    updates: Updates

    async def press(self, user_id: str, msg_id: str, key: str, *, again: int = 0) -> Posted:
        """Press the button with data `key`; `again` more presses of the same come as new ones.

        Raises:
            CannotPress: the message is gone or shows no such button.
        """
        view = self.vendor.views.get((msg_id, user_id))
        if view is None or view.gone or key not in keys_of(view):
            raise CannotPress(f"{user_id} has no button {key!r} on {msg_id}")
        view.toast = ""
        statuses: list[int] = []
        query_ids: list[str] = []
        for _ in range(1 + again):
            query_id = f"4382{self.vendor.number():014d}"
            query_ids.append(query_id)
            self.vendor.presses[query_id] = Press(view, self.vendor.clock.now())
            query = {
                "id": query_id,
                "from": user_of(self.vendor.people[user_id]),
                "message": self.vendor.message(view),
                "chat_instance": "-" + query_id,
                "data": key,
            }
            statuses += await self.updates.emit("callback_query", query)
        self.vendor.rev += 1
        return Posted(tuple(statuses), tuple(query_ids))

    async def say(self, user_id: str, text: str, *, reply_to: str = "") -> Posted:
        """Type something; writing to a bot also unlocks it, as Start does."""
        content: JsonObject = {"text": text}
        if text.startswith("/"):
            length = len(text.split(maxsplit=1)[0])
            content["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        return await self._write(user_id, "text", content, reply_to)

    async def photo(
        self, user_id: str, data: bytes, caption: str = "", *, reply_to: str = ""
    ) -> Posted:
        """Send a photo from the phone."""
        content: JsonObject = {"photo": self.vendor.photo_sizes(data)}
        if caption:
            content["caption"] = caption
        return await self._write(user_id, "photo", content, reply_to)

    async def document(self, user_id: str, name: str, mime: str, data: bytes) -> Posted:
        """Send a file."""
        file_id = self.vendor.keep_file(name, data)
        about = {"file_name": name, "mime_type": mime, "file_size": len(data)}
        return await self._write(
            user_id, "document", {"document": self.vendor.file_object(file_id) | about}, ""
        )

    async def block(self, user_id: str, *, blocked: bool = True) -> Posted:
        """Stop the bot, or let it write again."""
        person = self.vendor.people[user_id]
        was, person.blocked = person.blocked, blocked
        me = {"user": self.vendor.bot}
        status = {False: "member", True: "kicked"}
        event = {
            "chat": chat_of(person),
            "from": user_of(person),
            "date": self.vendor.clock.now() // SECOND,
            "old_chat_member": me | {"status": status[was], "until_date": 0},
            "new_chat_member": me | {"status": status[blocked], "until_date": 0},
        }
        self.vendor.rev += 1
        return Posted(tuple(await self.updates.emit("my_chat_member", event)))

    async def _write(self, user_id: str, kind: str, content: JsonObject, reply_to: str) -> Posted:
        person: Person = self.vendor.people[user_id]
        person.started, person.blocked = True, False
        view = self.vendor.add_view(person, kind, content, mine=True)
        message = self.vendor.message(view)
        original = self.vendor.views.get((reply_to, user_id))
        if original is not None:
            message["reply_to_message"] = self.vendor.message(original)
        return Posted(tuple(await self.updates.emit("message", message)))


def keys_of(view: View) -> dict[str, str]:
    """What can be pressed on a message: data → label; links have none."""
    rows = view.content.get("reply_markup", {}).get("inline_keyboard", [])
    buttons = [each for row in rows for each in row]
    return {each["callback_data"]: each["text"] for each in buttons if "callback_data" in each}
