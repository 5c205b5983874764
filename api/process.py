"""What a process that serves needs around its app, the same for web, worker and bench.

`prepare` first, so that all memory is taken as it should be; then build the app; `run` last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api import logs
from api.heap import keep_flat, settle
from api.packets import OnePacket
from api.sockets import LetGo
from api.threads import take_short_turns
from core.config import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI


def prepare(settings: Settings) -> None:
    """Logs, memory and turns between threads; before anything is built."""
    logs.configure(as_json=settings.log_json)
    keep_flat()
    take_short_turns()


def run(served: FastAPI, settings: Settings) -> None:
    """Serve until told to stop (SIGTERM, SIGINT)."""
    import uvicorn

    settle()
    uvicorn.run(served, **uvicorn_options(settings))


def uvicorn_options(settings: Settings) -> dict[str, Any]:
    """How uvicorn must be run, here and in every other launcher (perf.md §4, trust.md §0.2)."""
    return {
        "host": settings.host,
        "port": settings.port,
        "loop": "uvloop",
        "http": OnePacket,
        "ws": LetGo,
        "ws_max_size": 65_536,
        "ws_per_message_deflate": False,
        "ws_ping_interval": None,  # clients say that they are there; who does not is hung up on
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": settings.tls,  # X-Forwarded-* only where a proxy ends TLS
        "timeout_graceful_shutdown": 10,
    }
