"""The DingTalk channel: brings a card to a person, changes it, and says how each attempt ended.

A card is an instance of our template, named by us (outTrackId = card id) and changed as often as
wanted; nobody ever sees two of one. A second createAndDeliver under one name either fails with
`param.cardAlreadyExist` or changes nothing, as the page says, but nobody has said whether it shows
the card once more. So an attempt that may have arrived is repeated as an update: when that finds
the card, it is there and now up to date; when not, nothing had arrived and it is made.

Without a template, or where it is refused, people get a robot's message with a link to the page.
That cannot be changed: news takes the old one back (within a day) and sends another.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx

from bots.dingtalk import login
from bots.dingtalk.api import Account, Api
from bots.dingtalk.limits import broken_limit
from bots.dingtalk.notice import Notices
from bots.dingtalk.receive import Callbacks, card_secret, route_key
from bots.dingtalk.render import NOTE, SLOTS, card_params, plain_message
from bots.dingtalk.robot import GroupRobot, Robot
from bots.dingtalk.stream import Pace, Stream
from bots.dingtalk.verdict import CARD_CODES, CARD_EXISTS, CARD_MISSING, undelivered
from bots.refusal import Refused, ambiguous, later, never
from bots.said import Answer, Received
from bots.text import cut
from core.clock import DAY, MINUTE, Clock, Instant
from core.outbox.channel import Capabilities, Delivery, Handle, SendResult

log = logging.getLogger(__name__)

RECALL_WITHIN: Instant = DAY - 10 * MINUTE
MEDIA_LIVES: Instant = DAY  # the page gives no life; a picture a day is cheap
MEDIA_KEPT = 500

PictureOf = Callable[[str], Awaitable[bytes]]
PageOf = Callable[[Delivery], str]


class DingTalk:
    """`core.outbox.channel.Channel` for one application.

    `page_of` gives the page of a task; `picture_of` the bytes of a file id (None: cards go without
    pictures). `callback_url` is where card callbacks come over HTTP; it is registered before the
    first card. The client is injected: its transport is the simulator's in tests.
    """

    def __init__(
        self,
        account: Account,
        client: httpx.AsyncClient,
        clock: Clock,
        *,
        page_of: PageOf,
        picture_of: PictureOf | None = None,
        callback_url: str = "",
        group_robot: GroupRobot | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.api = Api(account, client, clock)
        self.robot = Robot(self.api, clock, group_robot)
        self.notices = Notices(self.api, account.agent_id)
        self.callbacks = Callbacks(account.client_secret, clock)
        self.stream = Stream(self.api, self.callbacks, self.robot, pace or Pace())
        self._account = account
        self._client = client
        self._clock = clock
        self._page_of = page_of
        self._picture_of = picture_of
        self._to_register = callback_url if account.mode == "http" else ""
        self._media: OrderedDict[str, tuple[str, Instant]] = OrderedDict()

    @property
    def name(self) -> str:
        return "dingtalk"

    @property
    def capabilities(self) -> Capabilities:
        """Without a template a message only links to the page, and news is another message."""
        cards = bool(self._account.template_id)
        return Capabilities(
            edit=True,
            receipts=False,
            inputs=frozenset({"choice"}) if cards else frozenset(),
            buttons=SLOTS if cards else 0,
            pictures=cards and self._picture_of is not None,
        )

    async def aclose(self) -> None:
        """Close the client's connections."""
        await self._client.aclose()

    async def send(self, delivery: Delivery) -> SendResult:
        """One attempt to bring a new card to the person; with a DING where the rules say so."""
        if self._account.template_id:
            result = await self._card(delivery, delivery.card_id)
        else:
            result = await self._plain(delivery)
        if result.kind == "sent" and delivery.card.ding and not delivery.again:
            await self._ring(delivery)
        return result

    async def _ring(self, delivery: Delivery) -> None:
        """The card is there, which is what counts: a DING that fails is said and not repeated."""
        words = f"{delivery.card.title}\n{delivery.card.lead}".strip()
        rung = await self.robot.ding([delivery.user_id], words)
        if rung.kind != "sent":
            log.warning("dingtalk_ding_failed", extra={"why": rung.reason})

    async def edit(self, delivery: Delivery, handle: Mapping[str, Any]) -> SendResult:
        """Make the person's card show `delivery.card`, or say it another way."""
        track = str(handle.get("track") or "")
        if not track:
            return await self._instead(delivery, handle)
        try:
            await self._update(delivery, track)
        except Refused as refusal:
            if refusal.code != CARD_MISSING:
                return refusal.result
            log.warning("dingtalk_card_missing", extra={"card": track})
            return await self._instead(delivery, handle)
        return SendResult("sent")

    async def tell(self, user_id: str, text: str) -> SendResult:
        """Plain words to one person."""
        return await self.robot.tell(user_id, text)

    async def show(self, user_id: str, picture: bytes, name: str) -> SendResult:
        """A picture to one person, outside any card."""
        try:
            media_id = await self.api.upload(name, picture)
        except Refused as refusal:
            return refusal.result
        return await self.robot.message(user_id, "sampleImageMsg", {"photoURL": media_id})

    def sign_in_url(self, back: str, state: str) -> str:
        """DingTalk's sign-in for pages."""
        account = self._account
        return login.sign_in_url(account.login_base, account.client_id, back, state)

    async def who(self, proof: Mapping[str, str]) -> str:
        """The member who came back from it; LookupError says why nobody is known."""
        return await login.who(self.api, proof)

    async def bind_link(self, code: str) -> str:  # noqa: ARG002  # nothing can say it for a member
        return ""

    async def ding(self, user_ids: Sequence[str], text: str) -> SendResult:
        """A DING to people, for the last steps of an escalation."""
        return await self.robot.ding(user_ids, text)

    async def group(self, text: str) -> SendResult:
        """Words into the configured group."""
        return await self.robot.group(text)

    async def fetch(self, media: str) -> bytes:
        """The bytes of a photo that somebody sent; LookupError says why not."""
        return await self.robot.fetch(media)

    async def listen(self, handle: Callable[[Received], Awaitable[Answer]]) -> None:
        """Take callbacks over the long connection until cancelled."""
        await self.stream.run(handle)

    async def register(self, callback_url: str) -> None:
        """Tell DingTalk where card callbacks go when they come over HTTP; repeatable.

        Raises:
            Refused: it did not take the address; the result says why.
        """
        body = {
            "callbackUrl": callback_url,
            "callbackRouteKey": route_key(self._account.client_id),
            "apiSecret": card_secret(self._account.client_secret),
            "forceUpdate": True,
        }
        try:
            await self.api.post("card/callbacks/register", body)
        except Refused as refusal:
            if refusal.result.kind != "ambiguous":
                raise
            raise Refused(later("unreachable", refusal.result.reason, 5)) from None

    async def registered(self, callback_url: str) -> SendResult:
        """`register` as an attempt that ended somehow."""
        try:
            await self.register(callback_url)
        except Refused as refusal:
            return refusal.result
        return SendResult("sent")

    # -- cards -----------------------------------------------------------------------------------
    async def _card(self, delivery: Delivery, track: str) -> SendResult:
        """The card under the name `track`, in words when the template is refused."""
        try:
            if delivery.again and await self._is_there(delivery, track):
                return self._sent(track)
            result = await self._create(delivery, track)
        except Refused as refusal:
            if refusal.code not in CARD_CODES:
                return refusal.result
            log.warning("dingtalk_template_refused", extra={"why": refusal.result.code})
            return await self._plain(delivery)
        if result.kind == "never" and result.code == "dingtalk_undelivered":
            log.warning("dingtalk_card_undelivered", extra={"why": result.reason})
            return await self._plain(delivery)
        return result

    async def _is_there(self, delivery: Delivery, track: str) -> bool:
        """Whether an earlier attempt made the card; it shows this content from now on."""
        try:
            await self._refresh(delivery, track)
        except Refused as refusal:
            if refusal.code == CARD_MISSING:
                return False
            raise
        return True

    async def _refresh(self, delivery: Delivery, track: str) -> None:
        """`_update` on the way to showing a card: it shows nothing, so silence is no doubt."""
        try:
            await self._update(delivery, track)
        except Refused as refusal:
            if refusal.result.kind != "ambiguous":
                raise
            raise Refused(later("unreachable", refusal.result.reason, 5)) from None

    async def _create(self, delivery: Delivery, track: str) -> SendResult:
        """Make the card and show it. It exists already only if showing it failed before."""
        space = f"dtv1.card//IM_ROBOT.{delivery.user_id}"
        shown = {"spaceType": "IM_ROBOT", "robotCode": self._account.robot}
        title = cut(delivery.card.title, 60)
        body: dict[str, Any] = {
            "cardTemplateId": self._account.template_id,
            "outTrackId": track,
            "callbackType": self._account.mode.upper(),
            "userIdType": 1,
            "cardData": {"cardParamMap": await self._params(delivery, track)},
            "openSpaceId": space,
            "imRobotOpenSpaceModel": {
                "supportForward": False,
                "lastMessageI18n": {"ZH_CN": title},
                "notification": {"alertContent": title, "notificationOff": False},
            },
            "imRobotOpenDeliverModel": shown,
        }
        if self._account.mode == "http":
            await self._know_address()
            body["callbackRouteKey"] = route_key(self._account.client_id)
        try:
            answer = await self.api.post("card/instances/createAndDeliver", body)
        except Refused as refusal:
            if refusal.code != CARD_EXISTS:
                raise
            await self._refresh(delivery, track)
            body = {"outTrackId": track, "userIdType": 1, "openSpaceId": space}
            body["imRobotOpenDeliverModel"] = shown
            answer = await self.api.post("card/instances/deliver", body)
        return self._delivered(answer, track)

    async def _know_address(self) -> None:
        """A card made for HTTP before its address is registered could never call back."""
        if self._to_register:
            await self.register(self._to_register)
            self._to_register = ""

    async def _update(self, delivery: Delivery, track: str) -> None:
        """Change all public values, and take back what the person alone was told on the card."""
        private = {delivery.user_id: {"cardParamMap": {NOTE: ""}}}
        body = {
            "outTrackId": track,
            "userIdType": 1,
            "cardData": {"cardParamMap": await self._params(delivery, track)},
            "privateData": private,
            "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
        }
        await self.api.put("card/instances", body)

    async def _params(self, delivery: Delivery, track: str) -> dict[str, str]:
        card = delivery.card
        picture = await self._media_id(card.picture)
        page = self._page_of(delivery)
        params = card_params(card, delivery.tokens, page, picture=picture)
        if problem := broken_limit(track, delivery.user_id, params):
            reason = f"卡片不合钉钉的格式，没有发出：{problem}"
            raise Refused(never("card_invalid", reason))
        return params

    def _delivered(self, answer: dict[str, Any], track: str) -> SendResult:
        """success is not yet delivered: every deliverResult must say so."""
        result = answer.get("result")
        results = result.get("deliverResults") if isinstance(result, dict) else result
        listed = results if isinstance(results, list) else []
        found = [each for each in listed if isinstance(each, dict)]
        for each in found:
            if each.get("success") is not True:
                return undelivered(str(each.get("errorMsg") or ""))
        if answer.get("success") is not True:
            return undelivered(str(answer.get("errorMsg") or answer.get("message") or ""))
        if not found:
            return ambiguous("dingtalk_unclear", "钉钉没有说卡片投放到了哪里。")
        return self._sent(track)

    def _sent(self, track: str) -> SendResult:
        handle: Handle = {"ref": track, "track": track, "sent_us": self._clock.now()}
        return SendResult("sent", handle=handle)

    async def _media_id(self, file_id: str) -> str:
        """The picture's id at DingTalk, uploaded once a day. A card never waits for a picture
        that cannot be had: it goes without."""
        if not file_id or self._picture_of is None:
            return ""
        now = self._clock.now()
        known, until = self._media.get(file_id, ("", 0))
        if now < until:
            return known
        try:
            media_id = await self.api.upload("photo.jpg", await self._picture_of(file_id))
        except Refused as refusal:
            log.warning("dingtalk_picture_left_out", extra={"why": refusal.result.code})
            return ""
        self._media[file_id] = (media_id, now + MEDIA_LIVES)
        while len(self._media) > MEDIA_KEPT:
            self._media.popitem(last=False)
        return media_id

    # -- plain messages --------------------------------------------------------------------------
    async def _plain(self, delivery: Delivery) -> SendResult:
        page = self._page_of(delivery)
        key, params = plain_message(delivery.card, page)
        result = await self.robot.message(delivery.user_id, key, params)
        if result.kind == "never" and not result.gone and self._account.agent_id:
            log.warning("dingtalk_robot_refused", extra={"why": result.reason})
            result = await self.notices.send(delivery, page)
        if result.kind != "sent" or result.handle is None:
            return result
        known = {"track": "", "sent_us": self._clock.now()}
        return replace(result, handle=result.handle | known)

    async def _take_back(self, handle: Mapping[str, Any]) -> None:
        if number := str(handle.get("notice") or ""):
            await self.notices.recall(number)
        else:
            await self.robot.recall(str(handle["ref"]))

    async def _instead(self, delivery: Delivery, handle: Mapping[str, Any]) -> SendResult:
        """What is shown cannot be changed: take it back where possible and say it anew."""
        was_card = bool(handle.get("track"))
        if was_card and not delivery.card.closed:
            return await self._card(delivery, f"{delivery.card_id}@{delivery.card_rev}")
        result = await self._plain(delivery)
        recent = self._clock.now() - int(handle.get("sent_us") or 0) <= RECALL_WITHIN
        if result.kind == "sent" and not was_card and handle.get("ref") and recent:
            await self._take_back(handle)
        return result
