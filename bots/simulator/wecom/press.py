"""A member presses or types: the real encrypted callback goes out, the passive reply comes in.

As the vendor does it: 5 seconds to answer, three tries, anything but 200 is tried again. On order a
callback comes twice, or several are kept back and come in another order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import httpx
from defusedxml.ElementTree import fromstring

from bots.simulator.wecom.envelope import Envelope
from bots.simulator.wecom.vendor import Vendor, View
from core.clock import SECOND

TRIES = 3
ANSWER_SECONDS = 5.0


class CannotPress(Exception):  # noqa: N818  # the name says what happened
    """The card in the pane offers no such button (any more)."""


@dataclass(frozen=True, slots=True)
class Posted:
    """How one callback went: the HTTP status of each try and what the reply changed."""

    statuses: tuple[int, ...]
    reply: str = ""
    spoken: str = ""


@dataclass(slots=True)
class _Kept:
    view: View | None
    user_id: str
    xml: str


@dataclass(slots=True)
class Pressing:
    """The member's fingers. `copies` and `keep_back` are faults to order."""

    vendor: Vendor
    envelope: Envelope
    callback_url: str
    client: httpx.AsyncClient
    copies: int = 1
    keep_back: bool = False
    _kept: list[_Kept] = field(default_factory=list)

    async def press(
        self,
        user_id: str,
        msg_id: str,
        key: str,
        selected: Mapping[str, Sequence[str]] | None = None,
    ) -> Posted:
        """Press the button with `key` on this member's card.

        `selected` holds the chosen option ids by question; what is left out stays at the card's
        own preselection, as on the phone.

        Raises:
            CannotPress: the card is gone, grey, or has no such button.
        """
        view = self.vendor.views.get((msg_id, user_id))
        if view is None or view.recalled or view.grey or key not in keys_of(view.content):
            raise CannotPress(f"{user_id} has no button {key!r} on {msg_id}")
        chosen = _preselected(view.content) | {
            question: list(ids) for question, ids in (selected or {}).items()
        }
        code = self.vendor.new_code(msg_id)
        return await self._post(_Kept(view, user_id, self._click(view, key, code, chosen)))

    async def say(self, user_id: str, text: str) -> Posted:
        """Type a text to the application."""
        text = "".join(each for each in text if each.isprintable() or each in "\n\t")
        view = self.vendor.say(user_id, text, from_member=True)
        root = self._head(user_id, "text")
        SubElement(root, "Content").text = text
        SubElement(root, "MsgId").text = str(int.from_bytes(view.msg_id.encode()[-7:], "big"))
        SubElement(root, "AgentID").text = str(self.vendor.agent_id)
        return await self._post(_Kept(None, user_id, tostring(root, encoding="unicode")))

    async def photo(self, user_id: str, data: bytes) -> Posted:
        """Send a picture to the application."""
        media_id = self.vendor.sent_in(data)
        view = self.vendor.show_photo(user_id, media_id)
        root = self._head(user_id, "image")
        SubElement(root, "PicUrl").text = "http://simulator.local/pictures/" + media_id
        SubElement(root, "MediaId").text = media_id
        SubElement(root, "MsgId").text = str(int.from_bytes(view.msg_id.encode()[-7:], "big"))
        SubElement(root, "AgentID").text = str(self.vendor.agent_id)
        return await self._post(_Kept(None, user_id, tostring(root, encoding="unicode")))

    async def release(self, *, reverse: bool = True) -> list[Posted]:
        """Send what was kept back, the last one first unless told otherwise."""
        kept, self._kept, self.keep_back = self._kept, [], False
        return [await self._post(each) for each in (reversed(kept) if reverse else kept)]

    async def verify(self) -> bool:
        """The console's check of the callback address: GET with an encrypted echostr."""
        seconds = str(self.vendor.clock.now() // SECOND)
        word = "7351098246"
        query, _ = self.envelope.post("", seconds, 0)
        echo = self.envelope.encrypt(word)
        signature = self.envelope.sign(seconds, query["nonce"], echo)
        query |= {"msg_signature": signature, "echostr": echo}
        answer = await self.client.get(self.callback_url, params=query)
        return answer.status_code == 200 and answer.text == word

    # -- inside ----------------------------------------------------------------------------------
    async def _post(self, kept: _Kept) -> Posted:
        if self.keep_back:
            self._kept.append(kept)
            return Posted(())
        statuses: list[int] = []
        reply = ""
        for _ in range(self.copies):
            for _ in range(TRIES):
                status, answer = await self._once(kept.xml)
                statuses.append(status)
                if status == 200:
                    reply = reply or answer
                    break
        spoken = self._apply(kept, reply) if reply not in {"", "success"} else ""
        return Posted(tuple(statuses), reply, spoken)

    async def _once(self, xml: str) -> tuple[int, str]:
        """One POST; 0 stands for no answer in time."""
        seconds = str(self.vendor.clock.now() // SECOND)
        query, body = self.envelope.post(xml, seconds, self.vendor.agent_id)
        try:
            answer = await self.client.post(
                self.callback_url,
                params=query,
                content=body.encode(),
                headers={"Content-Type": "text/xml"},
                timeout=ANSWER_SECONDS,
            )
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.text

    def _apply(self, kept: _Kept, reply: str) -> str:
        """Let the passive reply change the presser's card, or show its text."""
        root = fromstring(self.envelope.open_reply(reply), forbid_dtd=True)
        assert root.findtext("ToUserName") == kept.user_id, "the reply is for somebody else"
        kind = root.findtext("MsgType")
        words = root.findtext("Button/ReplaceName") or root.findtext("Content") or ""
        if kind == "update_button" and kept.view is not None:
            self.vendor.grey_out(kept.view, words)
        elif kind == "text":
            self.vendor.say(kept.user_id, words, from_member=False)
        else:
            raise AssertionError(f"a passive reply of kind {kind} does not fit")
        return words

    def _click(self, view: View, key: str, code: str, chosen: Mapping[str, Sequence[str]]) -> str:
        root = self._head(view.user_id, "event")
        for name, words in (
            ("Event", "template_card_event"),
            ("EventKey", key),
            ("TaskId", view.content.get("task_id", "")),
            ("CardType", view.content["card_type"]),
            ("ResponseCode", code),
            ("AgentID", str(self.vendor.agent_id)),
        ):
            SubElement(root, name).text = words
        items = SubElement(root, "SelectedItems") if chosen else None
        for question, ids in chosen.items():
            assert items is not None
            item = SubElement(items, "SelectedItem")
            SubElement(item, "QuestionKey").text = question
            options = SubElement(item, "OptionIds")
            for each in ids:
                SubElement(options, "OptionId").text = each
        return tostring(root, encoding="unicode")

    def _head(self, user_id: str, kind: str) -> Element:
        root = Element("xml")
        SubElement(root, "ToUserName").text = self.vendor.corp_id
        SubElement(root, "FromUserName").text = user_id
        SubElement(root, "CreateTime").text = str(self.vendor.clock.now() // SECOND)
        SubElement(root, "MsgType").text = kind
        return root


def keys_of(card: Mapping[str, Any]) -> set[str]:
    """The keys a member can press on this card: links have none."""
    buttons = [each for each in card.get("button_list", ()) if each.get("type", 0) == 0]
    buttons += [card["submit_button"]] if "submit_button" in card else []
    return {each["key"] for each in buttons}


def _preselected(card: Mapping[str, Any]) -> dict[str, list[str]]:
    """What the phone sends for untouched selectors: `selected_id`, else the first option."""
    selectors = [*card.get("select_list", ())]
    selectors += [card["button_selection"]] if "button_selection" in card else []
    return {
        each["question_key"]: [each.get("selected_id") or each["option_list"][0]["id"]]
        for each in selectors
    }
