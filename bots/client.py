"""The HTTP client of one vendor's channel."""

from __future__ import annotations

import httpx


def client_of(transport: httpx.AsyncBaseTransport | None, proxy: str) -> httpx.AsyncClient:
    """To the vendor by `proxy` ("": as the environment says); `transport` is the simulator's."""
    if transport is not None:
        return httpx.AsyncClient(transport=transport)
    return httpx.AsyncClient(proxy=proxy or None)
