"""Who is knocking, and what each route lets in: `allow("verb")` or `public("why")`.

A route declares one of the two as a dependency; tests/api/test_doors.py walks every route and fails
on one that did not. The door checks the role; the core verb checks the thing itself.
Cookies are for the desk (with an origin check on writes), Bearer tokens for everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from fastapi import Depends
from fastapi.requests import HTTPConnection

from api.deps import Jieli, Once, RawKey, operation_key
from core.clock import SECOND, Clock, Instant
from core.config import Settings
from core.db import Database
from core.errors import SIGNED_OUT, AppError, define
from core.people import VERBS, Actor, Thing, require, session_actor

CROSS_SITE = define(
    "cross_site",
    403,
    "这个操作来自别的网站，没有执行。请回到接力的页面里再点一次。",
    "This action came from another site and was not done. Do it from a Jieli page.",
)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
REMEMBER = 5 * SECOND  # how long a checked token is trusted without asking the table again
REMEMBERED = 4096


def cookie_name(settings: Settings) -> str:
    """`__Host-` binds the cookie to this host and to TLS; browsers refuse it without TLS."""
    return "__Host-jieli" if settings.tls else "jieli"


class Doorkeeper:
    """Turns a request into an Actor; remembers checked tokens for a few seconds."""

    def __init__(self, settings: Settings, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._cookie = cookie_name(settings)
        self._known: dict[str, tuple[Actor, Instant]] = {}
        ours = [settings.public_url, *settings.allowed_origins.split(",")]
        self._origins = frozenset(filter(None, map(_origin_of, ours)))

    async def actor(self, connection: HTTPConnection) -> Actor:
        """The person behind the request.

        Raises:
            AppError(signed_out): no token, an unknown one, or one that ran out.
            AppError(cross_site): a cookie write that another site started.
        """
        bearer = connection.headers.get("authorization", "")
        if bearer[:7].lower() == "bearer ":
            return await self._session(bearer[7:].strip(), ("api", "pda"))
        token = connection.cookies.get(self._cookie)
        if not token:
            raise AppError(SIGNED_OUT)
        self.check_origin(connection)
        return await self._session(token, ("desk",))

    def check_origin(self, connection: HTTPConnection) -> None:
        """Refuse a write that a page of another site started (OWASP ASVS 3.5.1)."""
        if connection.scope.get("method", "GET") in SAFE_METHODS:
            return
        site = connection.headers.get("sec-fetch-site")
        origin = connection.headers.get("origin")
        if site in ("same-origin", "none"):
            return
        if site is None and origin is not None and self.is_ours(origin, connection):
            return
        if origin is not None and _origin_of(origin) in self._origins:
            return
        raise AppError(CROSS_SITE)

    def is_ours(self, origin: str, connection: HTTPConnection) -> bool:
        """Whether a page of `origin` may act here: our own host, our public address, allowed."""
        return urlsplit(origin).netloc == connection.headers.get("host", "") or (
            _origin_of(origin) in self._origins
        )

    async def _session(self, token: str, kinds: Iterable[str]) -> Actor:
        now = self._clock.now()
        known = self._known.get(token)
        if known is not None and 0 <= now - known[1] < REMEMBER:
            return known[0]
        self._known.pop(token, None)
        actor = await self._ask(token, kinds, now)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[token] = (actor, now)
        return actor

    async def _ask(self, token: str, kinds: Iterable[str], now: Instant) -> Actor:
        refusal = AppError(SIGNED_OUT)
        for kind in kinds:
            face = kind  # a desk session speaks as "desk", an API token as "api"
            try:
                return await self._db.read(
                    lambda conn, kind=kind, face=face: session_actor(  # type: ignore[misc]
                        conn, token, kind, now, face
                    )
                )
            except AppError as problem:
                if problem.code != SIGNED_OUT.code:
                    raise  # a database that is away is no reason to send anybody to sign in
                refusal = problem
        raise refusal

    def forget(self) -> None:
        """Ask the table again for everybody: a person, session or device changed."""
        self._known = {}


def _origin_of(address: str) -> str:
    parts = urlsplit(address.strip())
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


class Door:
    """The declared permission of a route: its verb, checked against the person's roles."""

    def __init__(self, verb: str) -> None:
        assert verb in VERBS, f"{verb} is not in the permission table"
        self.verb = verb

    async def __call__(self, connection: HTTPConnection) -> Actor:
        jieli: Jieli = connection.app.state.jieli
        actor = await jieli.doorkeeper.actor(connection)
        if not actor.roles & VERBS[self.verb]:
            require(actor, self.verb, Thing("door"))  # refuses, in the words of the table
        return actor


class WriteDoor(Door):
    """A Door for a write: answers the person together with the operation id they sent."""

    async def __call__(  # type: ignore[override]  # FastAPI calls it, nobody else
        self, connection: HTTPConnection, key: RawKey = None
    ) -> Once:
        actor = await super().__call__(connection)
        return Once(connection.app.state.jieli, actor, operation_key(key))


F = TypeVar("F", bound=Callable[..., Any])


def declared(door: Door) -> Callable[[F], F]:
    """Declare `door` on a handler that calls it by hand: a hot route saves the dependency."""

    def mark(handler: F) -> F:
        handler.__dict__["door"] = door
        return handler

    return mark


def door_of(route: Any) -> str:
    """The declared permission of a route: a verb, `public: why`, or nothing when it has none."""
    found = [getattr(route.endpoint, "door", None)]
    found += [each.call for each in route.dependant.dependencies]
    for door in found:
        if isinstance(door, Public):
            return f"public: {door.why}"
        if isinstance(door, Door):
            return door.verb
    return ""


class Public:
    """A route for people we cannot know yet; says why that is right."""

    def __init__(self, why: str) -> None:
        self.why = why

    async def __call__(self) -> None:
        return None


def allow(verb: str) -> Any:
    """The dependency that lets in the roles of `verb` and answers the Actor."""
    return Depends(Door(verb))


def writes(verb: str) -> Any:
    """As `allow`, for a write: needs an Idempotency-Key and answers the Once to run it with."""
    return Depends(WriteDoor(verb))


def public(why: str) -> Any:
    """The dependency of a route that asks for no person; `why` is read by the test and people."""
    return Depends(Public(why))


Session = Annotated[Actor, allow("session.write")]
