"""DingTalk's memory and its rules: people, tokens, cards, messages, limits, faults to order.

Plain and synchronous: HTTP is doors.py, the long connection gateway.py, people's fingers press.py.
Where the vendor's behaviour is not published the stricter reading is played.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bots.simulator.dingtalk.checks import (
    DING_USERS,
    ROBOT_USERS,
    VendorError,
    param_map,
    robot_params,
    robot_spaces,
    text_of,
    users_of,
)
from bots.simulator.dingtalk.template import Template
from core.clock import DAY, SECOND, Clock, Instant

TOKEN_SECONDS = 7200
PER_SECOND = 20  # of one application at one method
KEPT = 2000
BAD_TOKEN = "InvalidAuthentication"  # noqa: S105  # the code, not a token
TOO_FAST = "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"

JsonObject = dict[str, Any]


@dataclass(slots=True)
class Person:
    """Somebody of the simulated corporation; who left stays known by name only."""

    user_id: str
    name: str
    title: str = ""
    left: bool = False


@dataclass(slots=True)
class View:
    """One message as one person sees it now. `content`: as stored, of a card its variables.

    `closed`: a card on which nothing can be pressed.
    """

    msg_id: str
    user_id: str
    kind: str
    content: JsonObject
    at: Instant
    mine: bool = False
    closed: bool = False
    edited: bool = False
    gone: bool = False
    track: str = ""


@dataclass(slots=True)
class Card:
    """One card instance: its data is one, however often it is shown."""

    track: str
    template: Template
    callback_type: str
    route_key: str
    public: dict[str, str]
    private: dict[str, dict[str, str]] = field(default_factory=dict)

    def values_for(self, user_id: str) -> dict[str, str]:
        """What the person's app fills the template with: their own values win."""
        return self.public | {k: v for k, v in self.private.get(user_id, {}).items() if v}


@dataclass(slots=True)
class Fault:
    """Something that goes wrong on purpose, `times` times, for paths that end with `path`.

    status, code: answered instead of doing anything. errcode: the same for the old API. after: do
    it, then never answer. undelivered: the card is made and not shown, with this errorMsg.
    """

    path: str
    status: int = 0
    code: str = ""
    errcode: int = 0
    after: bool = False
    undelivered: str = ""
    times: int = 1


@dataclass(slots=True)
class Vendor:
    """The state of one corporation with one application."""

    clock: Clock
    client_id: str
    client_secret: str
    corp_id: str
    robot_code: str
    templates: dict[str, Template] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    cards: dict[str, Card] = field(default_factory=dict)
    media: dict[str, bytes] = field(default_factory=dict)
    routes: dict[str, tuple[str, str]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    flow_controlled: set[str] = field(default_factory=set)
    no_robot: set[str] = field(default_factory=set)  # the robot is not visible to these
    refuse_tokens: bool = False
    bad_token_status: int = 400
    base: str = ""
    rev: int = 0
    _token: str = ""
    _token_until: Instant = 0
    _recent: dict[str, deque[Instant]] = field(default_factory=dict)
    _numbers: int = 0

    # -- tokens and limits -----------------------------------------------------------------------
    def access_token(self, app_key: Any, app_secret: Any) -> JsonObject:
        """The same token while it lives, as the vendor does."""
        if app_key != self.client_id or app_secret != self.client_secret:
            raise VendorError("invalidClientIdOrSecret", "无效的clientId或者clientSecret")
        now = self.clock.now()
        if not self._token or now >= self._token_until:
            self._token = secrets.token_hex(16)
            self._token_until = now + TOKEN_SECONDS * SECOND
        return {"accessToken": self._token, "expireIn": (self._token_until - now) // SECOND}

    def expire_tokens(self) -> None:
        """The token dies early, as it may."""
        self._token = ""

    def knows_token(self, token: str) -> bool:
        alive = bool(self._token) and self.clock.now() < self._token_until
        return alive and token == self._token and not self.refuse_tokens

    def check_token(self, token: str) -> None:
        if not self.knows_token(token):
            raise VendorError(BAD_TOKEN, "不合法的access_token", self.bad_token_status)

    def check_pace(self, path: str) -> None:
        """At most 20 calls of one method in one second."""
        now = self.clock.now()
        recent = self._recent.setdefault(path, deque(maxlen=PER_SECOND))
        if len(recent) == PER_SECOND and now - recent[0] < SECOND:
            raise VendorError(TOO_FAST, "qps limit", 403)
        recent.append(now)

    def fault_for(self, path: str) -> Fault | None:
        """The fault ordered for this call, used up by one."""
        for fault in self.faults:
            if fault.times > 0 and path.endswith(fault.path):
                fault.times -= 1
                return fault
        return None

    # -- cards -----------------------------------------------------------------------------------
    def create(self, body: JsonObject) -> JsonObject:
        """POST card/instances: a card that nobody sees yet."""
        template_id = text_of(body, "cardTemplateId", "param.cardTemplateIdEmpty")
        track = text_of(body, "outTrackId", "param.outTrackIdEmpty")
        if template_id not in self.templates:
            raise VendorError("param.templateNotExist")
        if track in self.cards:
            raise VendorError("param.cardAlreadyExist")
        public = param_map(body.get("cardData"))
        if not public:
            raise VendorError("param.cardPublicDataEmpty")
        kind, route = str(body.get("callbackType") or ""), str(body.get("callbackRouteKey") or "")
        if kind not in {"", "STREAM", "HTTP"} or (kind == "HTTP" and route not in self.routes):
            raise VendorError("param.invalid", "callbackType")
        card = Card(track, self.templates[template_id], kind or "HTTP", route, public)
        card.private = self._private(body)
        self.cards[track] = card
        return {"success": True, "result": track}

    def deliver(self, body: JsonObject, fault: Fault | None = None) -> list[JsonObject]:
        """POST card/instances/deliver: shows an existing card, once more if it was shown before."""
        card = self._card(body)
        users = robot_spaces(body)
        self._check_model(body)
        results: list[JsonObject] = []
        for user_id in users:
            self._person(user_id)
            wrong = fault.undelivered if fault is not None else ""
            wrong = wrong or ("robot not visible" if user_id in self.no_robot else "")
            if not wrong:
                msg_id = self._number("card")
                self.show(user_id, "card", card.values_for(user_id), track=card.track, own=msg_id)
                self._redraw(card, edited=False)
            results.append(
                {
                    "spaceType": "IM_ROBOT",
                    "spaceId": user_id,
                    "success": not wrong,
                    "errorMsg": wrong,
                    "carrierId": "" if wrong else self._number("pqk"),
                }
            )
        return results

    def create_and_deliver(self, body: JsonObject, fault: Fault | None = None) -> JsonObject:
        """POST card/instances/createAndDeliver: success even when nobody was shown it."""
        for user_id in robot_spaces(body):
            self._person(user_id)
        self._check_model(body)
        if not isinstance(body.get("imRobotOpenSpaceModel"), dict):
            raise VendorError("param.openSpaceModelInvalid")
        self.create(body)
        results = self.deliver(body, fault)
        return {
            "success": True,
            "result": {"outTrackId": body["outTrackId"], "deliverResults": results},
        }

    def update(self, body: JsonObject) -> JsonObject:
        """PUT card/instances: by key only when asked, else the whole map is replaced."""
        card = self._card(body)
        if not body.get("cardData") and not body.get("privateData"):
            raise VendorError("param.cardDataAndPrivateDataBothEmpty")
        public = param_map(body["cardData"]) if body.get("cardData") else {}
        private = self._private(body)
        options = body.get("cardUpdateOptions") or {}
        self.change(card, public, private, options)
        return {"success": True, "result": True}

    def change(
        self,
        card: Card,
        public: Mapping[str, str],
        private: Mapping[str, Mapping[str, str]],
        options: Mapping[str, Any],
    ) -> None:
        """Change a card's data, by the update API or by the answer to a press."""
        if public:
            kept = card.public if options.get("updateCardDataByKey") is True else {}
            card.public = kept | dict(public)
        for user_id, values in private.items():
            by_key = options.get("updatePrivateDataByKey") is True
            kept = card.private.get(user_id, {}) if by_key else {}
            card.private[user_id] = kept | dict(values)
        self._redraw(card, edited=True)

    def blocks(self, view: View) -> list[JsonObject]:
        """What the person's app draws for a card."""
        card = self.cards[view.track]
        return card.template.blocks(card.values_for(view.user_id))

    # -- the robot -------------------------------------------------------------------------------
    def batch_send(self, body: JsonObject) -> JsonObject:
        """POST robot/oToMessages/batchSend: who cannot be reached is only listed."""
        self.check_robot(body)
        users = users_of(body, "userIds", ROBOT_USERS)
        key, params = robot_params(body)
        if not any(each in self.people for each in users):
            raise VendorError("staffId.notExisted", "员工id不存在")
        invalid = [each for each in users if self.people.get(each, _NOBODY).left]
        slowed = [each for each in users if each in self.flow_controlled]
        query_key = self._number("pqk")
        for user_id in users:
            if user_id not in {*invalid, *slowed, *self.no_robot}:
                self.show(user_id, key, dict(params), own=query_key)
        return {
            "processQueryKey": query_key,
            "invalidStaffIdList": invalid,
            "flowControlledStaffIdList": slowed,
            "filteredStaffIdList": [each for each in users if each in self.no_robot],
        }

    def batch_recall(self, body: JsonObject) -> JsonObject:
        """POST robot/otoMessages/batchRecall, within 24 hours."""
        self.check_robot(body)
        done, failed = [], {}
        for key in body.get("processQueryKeys") or []:
            view = self.views.get(str(key))
            if view is None or self.clock.now() - view.at > DAY:
                failed[str(key)] = "not recallable"
                continue
            view.gone = True
            done.append(key)
        self.rev += 1
        return {"successResult": done, "failedResult": failed}

    def ding(self, body: JsonObject) -> JsonObject:
        """POST robot/ding/send."""
        if body.get("robotCode") != self.robot_code:
            raise VendorError("invalid.chatbotId")
        users = users_of(body, "receiverUserIdList", DING_USERS)
        content = text_of(body, "content", "invalidParameter.param.invalid")
        if body.get("remindType") not in {1, 2, 3}:
            raise VendorError("invalidParameter.param.invalid", "remindType")
        missing = [each for each in users if self.people.get(each, _NOBODY).left]
        for user_id in users:
            if user_id not in missing:
                self.show(user_id, "ding", {"content": content})
        answer: JsonObject = {"openDingId": self._number("ding")}
        return answer | ({"failedList": {"user not exist": missing}} if missing else {})

    def group_send(self, body: JsonObject) -> JsonObject:
        """POST robot/groupMessages/send."""
        self.check_robot(body)
        group = text_of(body, "openConversationId", "invalidParameter.param.invalid")
        key, params = robot_params(body)
        query_key = self._number("pqk")
        self.show(group, key, dict(params), own=query_key)
        return {"processQueryKey": query_key}

    def check_robot(self, body: JsonObject) -> None:
        if body.get("robotCode") != self.robot_code:
            raise VendorError("resource.not.found", "robot 不存在", 404)

    # -- panes -----------------------------------------------------------------------------------
    def show(
        self,
        user_id: str,
        kind: str,
        content: JsonObject,
        *,
        mine: bool = False,
        track: str = "",
        own: str = "",
    ) -> View:
        """Another message in somebody's pane."""
        view = View(own or self._number("msg"), user_id, kind, content, self.clock.now(), mine)
        view.track = track
        self.views[view.msg_id] = view
        while len(self.views) > KEPT:
            self.views.pop(next(iter(self.views)))
        self.rev += 1
        return view

    def new_id(self, word: str) -> str:
        """An id that was never given before."""
        return self._number(word)

    # -- inside ----------------------------------------------------------------------------------
    def _number(self, word: str) -> str:
        self._numbers += 1
        return f"{word}-{self._numbers:06d}-{secrets.token_hex(4)}"

    def _card(self, body: JsonObject) -> Card:
        track = text_of(body, "outTrackId", "param.outTrackIdEmpty")
        if track not in self.cards:
            raise VendorError("param.cardNotExist")
        return self.cards[track]

    def _person(self, user_id: str) -> Person:
        person = self.people.get(user_id, _NOBODY)
        if person.left:
            raise VendorError("param.userIdNotExist")
        return person

    def _check_model(self, body: JsonObject) -> None:
        model = body.get("imRobotOpenDeliverModel")
        if not isinstance(model, dict):
            raise VendorError("param.openDeliverModelEmpty")
        robot = model.get("robotCode", self.robot_code)  # the official SDK leaves it out
        if model.get("spaceType") != "IM_ROBOT" or robot != self.robot_code:
            raise VendorError("param.openDeliverModelError")

    def _private(self, body: JsonObject) -> dict[str, dict[str, str]]:
        found = body.get("privateData") or {}
        for user_id in found:
            self._person(user_id)
        return {user_id: param_map(each, what=user_id) for user_id, each in found.items()}

    def _redraw(self, card: Card, *, edited: bool) -> None:
        for view in self.views.values():
            if view.track == card.track:
                view.content = dict(card.values_for(view.user_id))
                view.edited = view.edited or edited
                buttons = [each for each in self.blocks(view) if each["type"] == "button"]
                view.closed = not buttons
        self.rev += 1


_NOBODY = Person("", "", left=True)
