"""One vendor as the page sees it: people, messages, hands, and switches for what may go wrong.

The three simulators differ in their formats only; here they get one shape. Not for the page's
addresses (page.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bots.simulator import dingtalk, telegram, wecom
from bots.simulator.telegram.signing import opened

JsonObject = dict[str, Any]
Selected = Mapping[str, Sequence[str]]
UNANSWERED = "服务器没有响应，已试过。"


class CannotPress(Exception):  # noqa: N818  # the name says what happened
    """The card offers no such button (any more)."""


class _Person(Protocol):
    user_id: str
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that goes wrong when somebody says so; `off` ends it, where it lasts."""

    label: str
    on: Callable[[], object]
    off: Callable[[], object] | None = None


class Desk(Protocol):
    """What page.py asks of each vendor."""

    name: str
    label: str
    switches: dict[str, Switch]

    @property
    def rev(self) -> int: ...

    def people(self) -> list[JsonObject]: ...

    def add(self, user_id: str, name: str, title: str) -> None: ...

    def messages(self, user_id: str, most: int) -> list[JsonObject]: ...

    async def press(self, user_id: str, msg_id: str, key: str, selected: Selected) -> str:
        """Press; what went wrong in words, empty when nothing did. Raises CannotPress."""

    async def say(self, user_id: str, text: str) -> str: ...

    async def photo(self, user_id: str, data: bytes) -> str: ...

    def picture(self, media: str) -> bytes: ...

    def opened(self, user_id: str, url: str) -> str:
        """The address that the app opens when this person taps a link to `url`."""


def _people(known: Mapping[str, _Person]) -> list[JsonObject]:
    return [
        {"user_id": each.user_id, "name": each.name, "title": each.title} for each in known.values()
    ]


def _lost(statuses: Sequence[int]) -> str:
    """Whether nobody answered at all."""
    return UNANSWERED if statuses and 200 not in statuses else ""


class _Common:
    """What is the same for all three; `_sim` is the vendor's simulator."""

    _sim: Any

    @property
    def rev(self) -> int:
        found: int = self._sim.rev
        return found

    def people(self) -> list[JsonObject]:
        return _people(self._sim.vendor.people)

    def add(self, user_id: str, name: str, title: str) -> None:
        self._sim.add_person(user_id, name, title)

    def messages(self, user_id: str, most: int) -> list[JsonObject]:
        return [self._sim.wire(view) for view in self._views(user_id)[-most:]]

    def _views(self, user_id: str) -> list[Any]:
        found: list[Any] = self._sim.pane(user_id)
        return found

    async def say(self, user_id: str, text: str) -> str:
        return _lost((await self._sim.say(user_id, text)).statuses)

    async def photo(self, user_id: str, data: bytes) -> str:
        return _lost((await self._sim.photo(user_id, data)).statuses)

    def opened(self, user_id: str, url: str) -> str:  # noqa: ARG002  # the sign-in asks the phone
        return url


class WeComDesk(_Common):
    """WeCom's panes."""

    name, label = "wecom", "企业微信"

    def __init__(self, sim: wecom.WeComSimulator) -> None:
        self._sim = sim
        send = "message/send"
        self.switches = {
            "timeout": Switch("下一条：收下后不答", _order(sim, wecom.Fault(send, after=True))),
            "busy": Switch("下一条：限流 45009", _order(sim, wecom.Fault(send, errcode=45009))),
            "ip": Switch("下一条：可信 IP 60020", _order(sim, wecom.Fault(send, errcode=60020))),
            "token": Switch("凭证作废", sim.vendor.expire_tokens),
            "twice": Switch(
                "回调来两次", _set(sim.pressing, copies=2), _set(sim.pressing, copies=1)
            ),
            "back": Switch("回调先扣下", _set(sim.pressing, keep_back=True), sim.pressing.release),
        }

    def _views(self, user_id: str) -> list[Any]:
        return list(self._sim.all_of(user_id))

    async def press(self, user_id: str, msg_id: str, key: str, selected: Selected) -> str:
        try:
            posted = await self._sim.pressing.press(user_id, msg_id, key, selected)
        except wecom.CannotPress as problem:
            raise CannotPress(str(problem)) from problem
        return _lost(posted.statuses)

    def picture(self, media: str) -> bytes:
        return bytes(self._sim.vendor.media.get(media, (0, b""))[1])


class DingTalkDesk(_Common):
    """DingTalk's panes."""

    name, label = "dingtalk", "钉钉"

    def __init__(self, sim: dingtalk.DingTalkSimulator) -> None:
        self._sim = sim
        create = "createAndDeliver"
        qps = "Forbidden.AccessDenied.QpsLimitForApi"
        fault = dingtalk.Fault
        self.switches = {
            "timeout": Switch("下一条：收下后不答", _order(sim, fault(create, after=True))),
            "busy": Switch("下一条：403 QPS", _order(sim, fault(create, status=403, code=qps))),
            "token": Switch("凭证作废", sim.vendor.expire_tokens),
            "cut": Switch("长连接断开", sim.gateway.drop),
            "twice": Switch("回调来两次", _set(sim.fingers, copies=2), _set(sim.fingers, copies=1)),
            "back": Switch("回调先扣下", _set(sim.fingers, keep_back=True), sim.fingers.release),
        }

    async def press(self, user_id: str, msg_id: str, key: str, selected: Selected) -> str:  # noqa: ARG002
        try:
            posted = await self._sim.press(user_id, key, msg_id)
        except dingtalk.CannotPress as problem:
            raise CannotPress(str(problem)) from problem
        return _lost(posted.statuses)

    def picture(self, media: str) -> bytes:
        return bytes(self._sim.picture(media))


class TelegramDesk(_Common):
    """Telegram's panes."""

    name, label = "telegram", "Telegram"

    def __init__(self, sim: telegram.Telegram) -> None:
        self._sim = sim
        send = "sendMessage"
        fault = telegram.Fault
        self.switches = {
            "timeout": Switch("下一条：收下后不答", _order(sim, fault(send, silent="after"))),
            "busy": Switch(
                "下一条：429 等 5 秒", _order(sim, fault(send, code=429, retry_after=5))
            ),
            "cut": Switch("下一条：连不上", _order(sim, fault(send, silent="connect"))),
            "twice": Switch("更新来两次", _set(sim.updates, copies=2), _set(sim.updates, copies=1)),
            "back": Switch("更新先扣下", _set(sim.updates, keep_back=True), sim.updates.release),
        }

    async def press(self, user_id: str, msg_id: str, key: str, selected: Selected) -> str:  # noqa: ARG002
        try:
            posted = await self._sim.press_key(user_id, msg_id, key)
        except telegram.CannotPress as problem:
            raise CannotPress(str(problem)) from problem
        return _lost(posted.statuses)

    def picture(self, media: str) -> bytes:
        return bytes(self._sim.media(media))

    def opened(self, user_id: str, url: str) -> str:
        return opened(self._sim.vendor, user_id, url)


def _order(sim: Any, fault: Any) -> Callable[[], object]:
    """A fresh copy each time: an ordered fault is used up."""
    from dataclasses import replace

    return lambda: sim.order(replace(fault))


def _set(thing: object, **values: object) -> Callable[[], object]:
    def change() -> None:
        for name, value in values.items():
            setattr(thing, name, value)

    return change


async def flip(switch: Switch, *, on: bool) -> None:
    """Turn a switch; some answer at once, some take a moment."""
    turn = switch.on if on else switch.off
    done = None if turn is None else turn()
    if isinstance(done, Awaitable):
        await done
