"""The OpenAPI document describes the doors, and nothing that fits it breaks the server."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections import Counter
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings

from api.deps import Jieli
from api.main import create_app
from core import people
from core.clock import ManualClock, perf
from core.config import Settings
from core.db import Tx
from tests.api.room import HOST, Ids

EXAMPLES = 25
LEAST = 4
SECONDS = 40.0  # for everything; each operation gets an equal share


@pytest.fixture
def document(settings: Settings, clock: ManualClock) -> dict[str, Any]:
    app = create_app(settings, clock)
    app.state.jieli.db.close()
    made: dict[str, Any] = app.openapi()
    return made


def test_quantities_are_decimal_strings_and_unknown_fields_are_refused(
    document: dict[str, Any],
) -> None:
    line = document["components"]["schemas"]["ReceiveLine"]
    assert line["properties"]["quantity"]["type"] == "string"
    assert line["additionalProperties"] is False
    assert "op_id" not in document["components"]["schemas"]["ReceiveBody"]["properties"]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """Generators stop at the first one that does not."""

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [each for value in node.values() for each in references(value)]
        return (
            [each for value in node for each in references(value)] if isinstance(node, list) else []
        )

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def test_every_write_shows_the_idempotency_key(document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/receipts"]["post"]
    names = [each["name"] for each in operation["parameters"]]
    assert "Idempotency-Key" in names


def test_no_number_in_the_document_is_a_float(document: dict[str, Any]) -> None:
    def floats(node: Any, path: str = "") -> list[str]:
        if isinstance(node, dict):
            own = [path] if node.get("type") == "number" else []
            return own + [
                hit for key, each in node.items() for hit in floats(each, f"{path}/{key}")
            ]
        if isinstance(node, list):
            return [hit for each in node for hit in floats(each, path)]
        return []

    assert floats(document) == []


class Knocker:
    """Sends generated cases to the app as an administrator and keeps every 5xx."""

    def __init__(self, app: FastAPI, admin: int) -> None:
        self.app, self.admin = app, admin
        self.jieli: Jieli = app.state.jieli
        self.token = self.sign_in()
        self.broken: list[str] = []
        self.tried = 0
        self.seen: Counter[int] = Counter()
        self.runner = asyncio.Runner()

    def sign_in(self) -> str:
        """A fresh token: some generated request signed the administrator out, or off."""

        def command(tx: Tx) -> str:
            people.reactivate(tx, people.ENGINE, self.admin)
            people.update_person(tx, people.ENGINE, self.admin, {"roles": ("admin",)})
            return people.open_session(tx, self.admin, "api", minutes=60)

        self.jieli.doorkeeper.forget()
        return self.jieli.db.write_now(command)

    def knock(self, case: Any) -> None:
        parts = case.as_transport_kwargs(base_url=HOST)
        headers = dict(parts["headers"]) | {
            "Authorization": f"Bearer {self.token}",
            "Idempotency-Key": f"schemathesis-{self.tried:06}",
        }
        body = {name: parts[name] for name in ("files", "data") if parts.get(name)}
        if "json" in parts:
            body["content"] = json.dumps(parts["json"])
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport)
        try:
            request = client.build_request(
                parts["method"], parts["url"], params=parts["params"], headers=headers, **body
            )
        except (ValueError, TypeError, httpx.InvalidURL):
            return  # no client could put this on the wire
        answer = self.runner.run(client.send(request))
        self.tried += 1
        self.seen[answer.status_code] += 1
        if answer.status_code == 401:
            self.token = self.sign_in()
        if answer.status_code >= 500 and request.url.path != "/readyz":
            sent = request.content[:400] if "files" not in body else b"(form)"
            self.broken.append(f"{request.method} {request.url} {sent!r} → {answer.text}")


def generated(operation: Any, knocker: Knocker, until: float) -> None:
    """At most `EXAMPLES` requests of one operation; after `until` (monotonic) `LEAST` at most."""
    knocked = 0

    @hypothesis_settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def knock(case: Any) -> None:
        nonlocal knocked
        if knocked < LEAST or perf() < until:
            knocked += 1
            knocker.knock(case)

    knock()


def _operation(result: Any) -> Any:
    return result.ok()


@pytest.mark.timeout(240)
def test_nothing_that_fits_the_document_breaks_the_server(
    settings: Settings, company: tuple[Any, Ids], clock: ManualClock
) -> None:
    """Schemathesis: generated requests for every operation; no answer may be a 5xx."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        import schemathesis

        app = create_app(settings, clock)
        schema = schemathesis.openapi.from_dict(app.openapi())
        operations = [_operation(result) for result in schema.get_all_operations()]
        knocker, began = Knocker(app, company[1].people["admin"]), perf()
        for number, operation in enumerate(operations, start=1):
            generated(operation, knocker, began + SECONDS * number / len(operations))
    knocker.runner.run(knocker.jieli.attempts.close())
    knocker.runner.close()
    knocker.jieli.db.close()
    assert not knocker.broken, "\n".join(knocker.broken[:10])
    assert knocker.tried > 3 * len(operations), f"only {knocker.tried} requests"
    assert knocker.seen[401] < 100, knocker.seen
    assert knocker.seen[200] + knocker.seen[201] > 100, knocker.seen
