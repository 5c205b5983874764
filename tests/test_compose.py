"""docker-compose.yml cannot run here; what it names must exist, and its processes are tested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from api.cli import app
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


def test_whom_one_waits_for_is_there() -> None:
    for each in SERVICES.values():
        assert set(each.get("depends_on", ())) <= set(SERVICES)
    named = {
        volume.split(":")[0] for each in SERVICES.values() for volume in each.get("volumes", ())
    }
    assert {each for each in named if not each.startswith(".")} == set(COMPOSE["volumes"])
