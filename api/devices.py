"""Routes of scanners: an administrator shows a code, the scanner trades it for its own secret.

The code works once, for ten minutes. It never stands in an address: addresses end in logs.
"""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import Request, Response
from pydantic import Field

from api.deps import App, Once, as_json
from api.doors import allow, public, writes
from api.routers import json_router
from api.sign_in import address_of
from api.wire import Id, Text, Wire, wire
from bots.pictures import qr_png
from core.db import Tx
from core.people import Actor, all_devices, device, enrol_device, make_enrol_code, revoke_device

router = json_router("/api/devices", tags=["devices"])

Admin = Annotated[Actor, allow("device.write")]


class DeviceName(Wire):
    """What people call the scanner, e.g. 张江 3 号枪."""

    name: Annotated[str, Field(min_length=1, max_length=64)]


class EnrolCode(Wire):
    """The code as the scanner read it from the QR picture or a person typed it."""

    code: Annotated[str, Field(min_length=8, max_length=128)]


class Enrolment(EnrolCode):
    """`was`: the secret this scanner had before, so that work it still sends is the same work."""

    was: Annotated[str, Field(max_length=256)] = ""


class Why(Wire):
    """A reason, for the audit log."""

    why: Text = ""


@router.get("")
async def list_devices(_actor: Admin, jieli: App) -> Response:
    """Every scanner, newest first."""
    found = await jieli.db.read(all_devices)
    return as_json({"items": wire(found), "next": None})


@router.post("/codes", status_code=201)
async def make_code(body: DeviceName, actor: Admin, jieli: App) -> Response:
    """A code for one new scanner, with its QR picture. Shown once, so it has no operation id."""
    code = await jieli.db.write(lambda tx: make_enrol_code(tx, actor, body.name))
    picture = base64.b64encode(_qr(jieli.settings.public_url, code)).decode()
    return as_json({"code": code, "minutes": 10, "qr": f"data:image/png;base64,{picture}"}, 201)


@router.post("/codes/qr", response_class=Response, responses={200: {"content": {"image/png": {}}}})
async def code_picture(body: EnrolCode, _actor: Admin, jieli: App) -> Response:
    """The QR picture of a code, as PNG, to print or enlarge."""
    return Response(_qr(jieli.settings.public_url, body.code), media_type="image/png")


def _qr(public_url: str, code: str) -> bytes:
    """The page to open and the code behind `#`, which browsers keep to themselves."""
    return qr_png(f"{public_url.rstrip('/')}/pda#enrol={code}")


@router.post("/enrol", status_code=201, dependencies=[public("a scanner trades its one-use code")])
async def enrol(body: Enrolment, request: Request, jieli: App) -> Response:
    """Trade a fresh code for the scanner's own secret. The code is the operation id."""
    await jieli.attempts.check("enrol", "", address_of(request))
    made = await jieli.db.write(lambda tx: enrol_device(tx, body.code, body.was))
    return as_json({"device_id": made.device_id, "token": made.token}, 201)


@router.post("/{device_id}/revoke")
async def revoke(device_id: Id, body: Why, by: Annotated[Once, writes("device.write")]) -> Response:
    """Stop a scanner at once; its open connection is closed too."""

    def run(tx: Tx) -> object:
        revoke_device(tx, by.actor, device_id, body.why)
        return device(tx.conn, device_id)

    return await by.answer(f"revoke:{device_id}", body, run)
