"""The page of chat panes and its JSON interface: look, press, type, send photos, break things.

Starlette, loopback only, no sign-in: never mount it in a production process. The JSON doors want
`Content-Type: application/json`, so a page from elsewhere cannot press buttons through a browser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from bots.simulator.desks import CannotPress, Desk, flip
from bots.simulator.watching import Wiretap
from core.clock import Clock, to_datetime

FOLDER = Path(__file__).with_name("page")
SHOWN = 60
HELD_BY = "simulated_member"  # whose phone the browser is: the vendors' sign-ins ask it
LONGEST_JUMP = 24 * 366

JsonObject = dict[str, Any]


class Page:
    """The doors of the page over the vendors' desks. `jump` moves the clock by hours, if it can."""

    def __init__(
        self,
        desks: Mapping[str, Desk],
        clock: Clock,
        tap: Wiretap,
        jump: Callable[[int], None] | None,
    ) -> None:
        self._desks, self._clock, self._tap, self._jump = desks, clock, tap, jump

    def routes(self) -> list[BaseRoute]:
        """Everything below /sim."""
        doors = [
            Route("/messages", self.messages),
            Route("/people", self.people, methods=["POST"]),
            Route("/press", self.press, methods=["POST"]),
            Route("/say", self.say, methods=["POST"]),
            Route("/photo", self.photo, methods=["POST"]),
            Route("/open", self.open),
            Route("/media/{vendor}/{media:path}", self.media),
            Route("/switch", self.switch, methods=["POST"]),
            Route("/clock", self.clock, methods=["POST"]),
            Route("/calls", self.calls),
        ]
        return [
            Mount("/sim/api", routes=doors),
            Route("/sim", _to_page),
            Route("/sim/", _page),
            Mount("/sim", StaticFiles(directory=FOLDER)),
        ]

    async def messages(self, request: Request) -> Response:
        """Everything since `rev`, or 204 when nothing changed."""
        rev = ".".join(str(desk.rev) for desk in self._desks.values())
        if request.query_params.get("rev") == rev:
            return Response(status_code=204)
        vendors = [
            {
                "name": desk.name,
                "label": desk.label,
                "people": desk.people(),
                "panes": {
                    each["user_id"]: desk.messages(each["user_id"], SHOWN) for each in desk.people()
                },
                "switches": [
                    {"name": name, "label": switch.label, "lasts": switch.off is not None}
                    for name, switch in desk.switches.items()
                ],
            }
            for desk in self._desks.values()
        ]
        now = to_datetime(self._clock.now()).strftime("%Y-%m-%d %H:%M")
        can_jump = self._jump is not None
        return _json({"rev": rev, "now": now, "vendors": vendors, "can_jump": can_jump})

    async def people(self, request: Request) -> Response:
        """Somebody new with an account."""
        asked = await self._asked(request)
        if isinstance(asked, Response):
            return asked
        desk, body = asked
        if not body.get("user_id") or not body.get("name"):
            return _json({"error": "user_id 和 name 必填。"}, 422)
        desk.add(str(body["user_id"]), str(body["name"]), str(body.get("title", "")))
        return _json({"people": desk.people()})

    async def press(self, request: Request) -> Response:
        asked = await self._asked(request)
        if isinstance(asked, Response):
            return asked
        desk, body = asked
        try:
            words = await desk.press(
                str(body.get("user_id")),
                str(body.get("msg_id")),
                str(body.get("key")),
                body.get("selected") or {},
            )
        except CannotPress:
            return _json({"error": "这张卡片已经变了，请看最新的内容。"}, 409)
        return _done(words)

    async def say(self, request: Request) -> Response:
        asked = await self._asked(request)
        if isinstance(asked, Response):
            return asked
        desk, body = asked
        text = str(body.get("text", "")).strip()[:500]
        if not self._is_there(desk, str(body.get("user_id"))) or not text:
            return _json({"error": "user_id 和 text 必填。"}, 422)
        return _done(await desk.say(str(body["user_id"]), text))

    async def photo(self, request: Request) -> Response:
        """A picture from this person's phone, as a form: user_id, vendor, file."""
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return _json({"error": "只能从这个页面发。"}, 403)
        async with request.form(max_files=1, max_fields=4) as form:
            desk = self._desks.get(str(form.get("vendor")))
            file, user_id = form.get("file"), str(form.get("user_id"))
            if desk is None or not self._is_there(desk, user_id):
                return _json({"error": "没有这个人。"}, 422)
            if not isinstance(file, UploadFile):
                return _json({"error": "请选一张照片。"}, 422)
            data = await file.read()
        return _done(await desk.photo(user_id, data))

    async def open(self, request: Request) -> Response:
        """Open a link of a pane, in the browser of that person's phone."""
        query = request.query_params
        desk = self._desks.get(query.get("vendor", ""))
        url, user_id = query.get("url", ""), query.get("user_id", "")
        known = desk is not None and self._is_there(desk, user_id)
        if desk is None or not known or not url.startswith(("http://", "https://")):
            return Response("打不开这个链接", 422)
        away = RedirectResponse(desk.opened(user_id, url), 302)
        away.set_cookie(HELD_BY, user_id, path="/", httponly=True, samesite="lax")
        away.delete_cookie("jieli", path="/")  # every pane is another phone
        return away

    async def media(self, request: Request) -> Response:
        """A picture of a pane."""
        desk = self._desks.get(request.path_params["vendor"])
        data = desk.picture(request.path_params["media"]) if desk else b""
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=3600"}
        kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
        return Response(data, 200 if data else 404, headers, kind)

    async def switch(self, request: Request) -> Response:
        """Break something, or mend it."""
        asked = await self._asked(request)
        if isinstance(asked, Response):
            return asked
        desk, body = asked
        switch = desk.switches.get(str(body.get("switch")))
        if switch is None:
            return _json({"error": "没有这个开关。"}, 404)
        await flip(switch, on=body.get("on") is not False)
        return _json({"ok": True})

    async def clock(self, request: Request) -> Response:
        """Let hours pass."""
        body = await _body(request)
        hours = (body or {}).get("hours")
        if self._jump is None:
            return _json({"error": "这里的时钟拨不动。"}, 409)
        if not isinstance(hours, int) or not 0 < hours <= LONGEST_JUMP:
            return _json({"error": "hours 是 1 以上的整数。"}, 422)
        self._jump(hours)
        return _json({"ok": True})

    async def calls(self, request: Request) -> Response:
        """What went over the wire after call number `after`."""
        after = request.query_params.get("after", "0")
        seen = int(after) if after.isdecimal() and len(after) < 12 else 0
        return _json({"items": [each for each in self._tap.calls if each["n"] > seen]})

    async def _asked(self, request: Request) -> tuple[Desk, JsonObject] | Response:
        body = await _body(request)
        if body is None:
            return _json({"error": "请用 application/json 提交。"}, 415)
        desk = self._desks.get(str(body.get("vendor", "wecom")))
        if desk is None:
            return _json({"error": "没有这个渠道。"}, 422)
        return desk, body

    @staticmethod
    def _is_there(desk: Desk, user_id: str) -> bool:
        return any(each["user_id"] == user_id for each in desk.people())


async def _to_page(request: Request) -> Response:
    return RedirectResponse(request.url.path.rstrip("/") + "/")


async def _page(_: Request) -> Response:
    return FileResponse(FOLDER / "sim.html")


async def _body(request: Request) -> JsonObject | None:
    if not request.headers.get("content-type", "").startswith("application/json"):
        return None
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def _done(problem: str) -> Response:
    return _json({"words": problem}, 502 if problem else 200)


def _json(content: JsonObject, status: int = 200) -> Response:
    return Response(
        orjson.dumps(content), status, {"Cache-Control": "no-store"}, "application/json"
    )
