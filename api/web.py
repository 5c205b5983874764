"""The built web apps as they are served: /pda for scanners. Not for sockets (api/live.py).

Files under assets/ have their digest in the name and are kept for ever; everything else, sw.js
above all, is asked for again each time, or a kiosk would never hear of a new version. Without a
build the server still works: the page then says how to build it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

import pda

PDA = Path(pda.__file__).parent / "web" / "dist"
FOR_EVER = "public, max-age=31536000, immutable"

# Old WebViews do not count ws: as 'self'; wasm is the camera's barcode reader.
CSP = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "connect-src 'self' ws: wss:",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

NOT_BUILT = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>接力</title></head>
<body><h1>网页还没有构建</h1>
<p>服务器在正常工作，只缺这个页面。请在代码目录执行，然后刷新：</p>
<pre>npm ci &amp;&amp; npm run build</pre>
<p>需要 Node 20.19 或更新的版本；<code>make web</code> 做同样的事。</p>
<h2>The web page is not built</h2>
<p>The server works; only this page is missing. Run the command above in the source folder
(Node ≥ 20.19, or <code>make web</code>), then reload.</p>
</body></html>"""


class Web(StaticFiles):
    """One built app. It may be built while the server runs: each request looks again."""

    def __init__(self, dist: Path) -> None:
        super().__init__(directory=dist, html=True, check_dir=False)
        self._index = dist / "index.html"

    async def check_config(self) -> None:
        """A missing folder is no mistake here."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not self._index.is_file():
            return _guarded(HTMLResponse(NOT_BUILT, 503), "no-store")
        response = await super().get_response(path, scope)
        lasting = path.startswith("assets/") and response.status_code in (200, 206, 304)
        return _guarded(response, FOR_EVER if lasting else "no-cache")


def _guarded(response: Any, cache: str) -> Response:
    response.headers["Cache-Control"] = cache
    response.headers["Content-Security-Policy"] = CSP
    answer: Response = response
    return answer


def routes(dist: Path = PDA) -> Sequence[BaseRoute]:
    """What api/main adds to the application."""
    return [front_door("/pda/"), Mount("/pda", Web(dist))]


def front_door(page: str) -> Route:
    """Whoever types the bare address comes to `page`."""

    async def show(_request: Request) -> Response:
        return RedirectResponse(page, headers={"Cache-Control": "no-store"})

    return Route("/", show)
