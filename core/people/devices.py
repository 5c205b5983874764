"""Scanners: enrolled with a code that works once, known by a secret, revoked at once.

A scanner that is enrolled anew tells the secret it had: it is another device, but the operations it
still sends are those of the device before, known by their ids under the first one (`scope_id`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from core import audit, events
from core.clock import MINUTE, Instant
from core.db import Tx
from core.errors import INVALID, NOT_FOUND, AppError, define
from core.ids import secret_token
from core.people.changes import insert_row, record
from core.people.permissions import Actor, Thing, require
from core.people.secrets import token_hash
from core.people.tables import devices, enrol_codes, sessions

CODE_LIFE: Instant = 10 * MINUTE
SEEN_EVERY: Instant = MINUTE

CODE_VOID = define(
    "enrol_code_void",
    422,
    "没登记：这个登记码不对、已用过或超过 10 分钟。请让主管重新生成一个。",
    "Not enrolled: the code is wrong, used or older than 10 minutes. Ask a supervisor for another.",
)
DEVICE_REVOKED = define(
    "device_revoked",
    401,
    "这台扫码枪不能用了：没有登记，或已被停用。请找主管重新登记。",
    "This scanner may not be used: it is not enrolled or was revoked. Ask a supervisor.",
)


@dataclass(frozen=True, slots=True)
class Device:
    """An enrolled scanner; `state` is active or revoked.

    `first_id`: the device it was when it was first enrolled; None: this one.
    """

    id: int
    name: str
    state: str
    enrolled_by: int
    enrolled_at: Instant
    last_seen_at: Instant | None
    first_id: int | None = None

    @property
    def scope_id(self) -> int:
        """The device under which its operations are known, however often it is enrolled."""
        return self.id if self.first_id is None else self.first_id


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The answer to a scanner; the token is stored only there."""

    device_id: int
    token: str


_SEEN = devices.update().where(
    devices.c.id == bindparam("device_"),
    devices.c.last_seen_at.is_(None) | (devices.c.last_seen_at < bindparam("stale_")),
)
_BY_TOKEN = select(devices).where(devices.c.token_hash == bindparam("hash_"))


def make_enrol_code(tx: Tx, actor: Actor, device_name: str) -> str:
    """A code for one scanner, good for ten minutes; shown as a QR code, stored as a hash.

    Raises:
        AppError(forbidden, invalid).
    """
    require(actor, "device.write", Thing("device"))
    if not device_name.strip() or len(device_name) > 64:
        raise AppError(INVALID, field="设备名", why="写 1 到 64 个字，例如「张江 3 号枪」")
    code = secret_token(128)
    row = {
        "code_hash": token_hash(code),
        "device_name": device_name.strip(),
        "made_by": actor.person_id,
        "expires_at": tx.now + CODE_LIFE,
    }
    tx.add(enrol_codes, row)
    record(tx, actor, "device.write", "device:new", after={"name": device_name})
    return code


def enrol_device(tx: Tx, code: str, was: str = "") -> Enrolled:
    """Turn a fresh code into a device with its own secret.

    `was` is the secret that the scanner had before, if it had one: work of then that it sends again
    is still the same work. A secret that nobody ever had is ignored.

    Raises:
        AppError(enrol_code_void): unknown, used or too old; the three are not told apart.
    """
    fresh = (
        (enrol_codes.c.code_hash == token_hash(code))
        & enrol_codes.c.used_at.is_(None)
        & (enrol_codes.c.expires_at > tx.now)
    )
    row = tx.execute(select(enrol_codes).where(fresh)).first()
    # The guarded update decides: two scanners with one code cannot both win.
    if (
        row is None
        or not tx.execute(enrol_codes.update().where(fresh), {"used_at": tx.now}).rowcount
    ):
        raise AppError(CODE_VOID)
    token = secret_token()
    before = _holder(tx.conn, was) if was else None
    values = {
        "name": row.device_name,
        "token_hash": token_hash(token),
        "state": "active",
        "enrolled_by": row.made_by,
        "enrolled_at": tx.now,
        "first_id": None if before is None else before.scope_id,
    }
    device_id = insert_row(tx, devices, values)
    events.append(
        tx,
        "device.enrolled",
        f"device:{device_id}",
        f"person:{row.made_by}",
        {"name": row.device_name} | ({} if before is None else {"continues": before.id}),
    )
    if before is not None:
        _continue(tx, before, device_id, f"person:{row.made_by}")
    return Enrolled(device_id, token)


def _continue(tx: Tx, before: Device, device_id: int, by: str) -> None:
    """Two devices in use never share their operations: what the scanner was before is over."""
    same = (devices.c.first_id == before.scope_id) | (devices.c.id == before.scope_id)
    in_use = same & (devices.c.state == "active") & (devices.c.id != device_id)
    why = f"重新登记为 device:{device_id}"
    for row in tx.execute(select(devices).where(in_use).order_by(devices.c.id)).all():
        _stop(tx, _device(row), by, why)
        _noted(tx, by, row.id, {"state": "revoked"}, before={"state": "active"}, why=why)
    _noted(tx, by, device_id, {"continues": f"device:{before.id}"})


def _noted(tx: Tx, by: str, device_id: int, after: dict[str, Any], **more: Any) -> None:
    audit.record(tx, by, "pda", "device.write", f"device:{device_id}", after=after, **more)


def _holder(conn: Connection, token: str) -> Device | None:
    """The device that holds this secret or held it, whatever became of it."""
    row = conn.execute(_BY_TOKEN, {"hash_": token_hash(token)}).first()
    return None if row is None else _device(row)


def device_by_token(conn: Connection, token: str) -> Device:
    """The active device that holds this secret.

    Raises:
        AppError(device_revoked): unknown or revoked.
    """
    found = _holder(conn, token)
    if found is None or found.state != "active":
        raise AppError(DEVICE_REVOKED)
    return found


def device(conn: Connection, device_id: int) -> Device:
    """The device, active or revoked.

    Raises:
        AppError(not_found).
    """
    row = conn.execute(select(devices).where(devices.c.id == device_id)).first()
    if row is None:
        raise AppError(NOT_FOUND, what="设备", name=device_id)
    return _device(row)


def all_devices(conn: Connection, limit: int = 500) -> list[Device]:
    """Devices, newest first."""
    query = select(devices).order_by(devices.c.id.desc()).limit(limit)
    return [_device(row) for row in conn.execute(query)]


def device_seen(tx: Tx, device_id: int) -> None:
    """Note that the device is alive; at most once a minute reaches the table."""
    same = {"device_": device_id, "stale_": tx.now - SEEN_EVERY}
    tx.execute(_SEEN, same | {"last_seen_at": tx.now})


def revoke_device(tx: Tx, actor: Actor, device_id: int, why: str = "") -> None:
    """Stop a device at once: its sessions end, and the event makes the doors close its sockets.

    Raises:
        AppError(forbidden, not_found).
    """
    require(actor, "device.write", Thing("device", str(device_id)))
    before = device(tx.conn, device_id)
    _stop(tx, before, actor.label, why)
    was, now = {"state": before.state}, {"state": "revoked"}
    record(tx, actor, "device.write", f"device:{device_id}", before=was, after=now, why=why)


def _stop(tx: Tx, before: Device, by: str, why: str) -> None:
    tx.execute(devices.update().where(devices.c.id == before.id), {"state": "revoked"})
    open_ones = (sessions.c.device_id == before.id) & sessions.c.closed_at.is_(None)
    tx.execute(sessions.update().where(open_ones), {"closed_at": tx.now})
    payload = {"device_id": before.id, "name": before.name, "why": why}
    events.append(tx, "device.revoked", f"device:{before.id}", by, payload)


def _device(row: Row[Any]) -> Device:
    return Device(
        row.id,
        row.name,
        row.state,
        row.enrolled_by,
        row.enrolled_at,
        row.last_seen_at,
        row.first_id,
    )
