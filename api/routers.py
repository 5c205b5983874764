"""How a router is made and how an app takes its routes: as they stand, worked out once per process.

`include_router` would work out each route's parameters once more for every app, in whatever request
comes first: 160 ms in which nobody is answered, and compare addresses in two layers.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

MAX_JSON = 2_000_000  # bytes


def json_router(
    prefix: str = "", *, tags: Sequence[str], include_in_schema: bool = True
) -> APIRouter:
    """For routes that take JSON and forms; of files the whole server's limit holds."""
    return APIRouter(
        prefix=prefix,
        tags=list(tags),
        include_in_schema=include_in_schema,
        max_body_size=MAX_JSON,
    )


def take(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Their routes, in this order: an address is compared with one after the other."""
    for router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute), "a router that includes another is worked out anew"
            app.router.routes.append(route)
