"""Escalation policies by code: what we ship (policies.json) and what supervisors changed (rows).

A changed policy is a new version; running tasks keep the copy they opened with.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

import orjson
from sqlalchemy import Connection, CursorResult, bindparam, func, select

from core import audit, events
from core.db import Tx
from core.errors import NOT_FOUND, AppError
from core.people import Actor, Thing, require
from core.tasks.policy import Policy, check
from core.tasks.tables import policies

MOST = 200

_NEWEST = (
    select(policies.c.body)
    .where(policies.c.code == bindparam("code_"))
    .order_by(policies.c.version.desc())
    .limit(1)
)


def ask_for(conn: Connection, code: str) -> CursorResult[Any]:
    """The newest row of a policy, which need not have arrived yet."""
    return conn.execute(_NEWEST, {"code_": code})


def policy_of(conn: Connection, code: str) -> Policy:
    """The newest version of a policy: a supervisor's row, else the shipped one.

    Raises:
        AppError(not_found).
    """
    body = ask_for(conn, code).scalar()
    if body is not None:
        return Policy.from_json(body)
    if code not in shipped():
        raise AppError(NOT_FOUND, what="升级规则", name=code)
    return shipped()[code]


def all_policies(conn: Connection) -> list[Policy]:
    """Every policy in its newest version, by code, at most 200."""
    codes = conn.execute(select(policies.c.code).distinct().limit(MOST)).scalars()
    return [policy_of(conn, code) for code in sorted({*codes, *shipped()})][:MOST]


def save_policy(tx: Tx, actor: Actor, policy: Policy) -> Policy:
    """Publish a new version; tasks that are running stay as they are.

    Raises:
        AppError(invalid): it could never work. AppError(forbidden).
    """
    require(actor, "policy.write", Thing("policy", policy.code))
    check(policy)
    newest = select(func.max(policies.c.version)).where(policies.c.code == policy.code)
    saved = replace(policy, version=(tx.execute(newest).scalar() or 0) + 1)
    row = {"code": saved.code, "version": saved.version, "body": saved.to_json()}
    tx.add(policies, row | {"made_by": actor.label, "at": tx.now})
    thing = f"policy:{saved.code}"
    audit.record(
        tx,
        actor.label,
        actor.face,
        "policy.write",
        thing,
        after=saved.to_json(),
        device_id=actor.device_id,
    )
    payload = {"code": saved.code, "version": saved.version}
    events.append(tx, "policy.published", thing, actor.label, payload)
    return saved


@cache
def shipped() -> dict[str, Policy]:
    """The policies that come with the product, by code."""
    bodies = orjson.loads(files("core.tasks").joinpath("policies.json").read_bytes())
    return {body["code"]: Policy.from_json(body) for body in bodies}
