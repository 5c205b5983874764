"""docker-compose.yml cannot run here; what it names must exist, and its processes are tested."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from api.cli import app
from api.process import uvicorn_options
from core.config import Settings

COMPOSE: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[1] / "docker-compose.yml").read_text()
)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, each in SERVICES.items() if "JIELI_SECRET" in each.get("environment", {})]


def test_every_part_is_there() -> None:
    assert set(SERVICES) == {"db", "redis", "migrate", "web", "worker", "proxy"}
    assert sorted(OURS) == ["migrate", "web", "worker"]


@pytest.mark.parametrize("name", OURS)
def test_our_settings_exist(name: str) -> None:
    known = {f"JIELI_{field.upper()}" for field in Settings.model_fields}
    named = {each for each in SERVICES[name]["environment"] if each.startswith("JIELI_")}
    assert named <= known


@pytest.mark.parametrize("name", ["web", "worker"])
def test_our_commands_exist(name: str) -> None:
    program, verb, *options = SERVICES[name]["command"]
    command: Any = get_command(app)
    assert program == "jieli"
    known = {
        text
        for each in command.commands[verb].params
        for text in (*each.opts, *each.secondary_opts)
    }
    assert set(options) <= known


def test_the_schema_is_migrated_before_anybody_serves() -> None:
    assert SERVICES["migrate"]["command"][-1].endswith("&& jieli migrate")
    for name in ("web", "worker"):
        waits = SERVICES[name]["depends_on"]["migrate"]
        assert waits == {"condition": "service_completed_successfully"}


def test_tls_ends_at_caddy_with_a_ca_of_its_own() -> None:
    """Nothing else is published, and the web processes believe the proxy who is asking."""
    program, verb, *options = SERVICES["proxy"]["command"]
    assert (program, verb) == ("caddy", "reverse-proxy")
    given = dict(pairwise(options))
    assert given["--to"] == "web:8600" == f"web:{Settings.model_fields['port'].default}"
    assert f"https://{given['--from']}" == SERVICES["web"]["environment"]["JIELI_PUBLIC_URL"]
    assert "--internal-certs" in options
    assert {option for option in options if option.startswith("-")} == {
        "--from",
        "--to",
        "--internal-certs",
    }
    assert [name for name, each in SERVICES.items() if "ports" in each] == ["proxy"]
    web = SERVICES["web"]["environment"]
    assert (web["JIELI_TLS"], web["FORWARDED_ALLOW_IPS"]) == ("true", "*")
    assert uvicorn_options(Settings(tls=True, secret="x" * 40, _env_file=None))["proxy_headers"]


def test_a_worker_that_is_not_ready_is_seen() -> None:
    worker = SERVICES["worker"]
    port = worker["environment"]["JIELI_WORKER_PORT"]
    assert f":{port}/readyz" in worker["healthcheck"]["test"][-1]
    compile(worker["healthcheck"]["test"][-1], "healthcheck", "exec")


def test_whom_one_waits_for_is_there() -> None:
    for each in SERVICES.values():
        assert set(each.get("depends_on", ())) <= set(SERVICES)
    named = {
        volume.split(":")[0] for each in SERVICES.values() for volume in each.get("volumes", ())
    }
    assert {each for each in named if not each.startswith(".")} == set(COMPOSE["volumes"])
