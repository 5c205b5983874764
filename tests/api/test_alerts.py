"""docs/alerts.yml is an example that works: its figures are in /metrics, of their kind."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from core.clock import HOUR
from tests.api.room import Room

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((Path(__file__).parents[2] / "docs/alerts.yml").read_text())[
        "groups"
    ]
    for rule in group["rules"]
]
NAME = re.compile(r"\bjieli_\w+")


async def figures(room: Room) -> dict[str, tuple[str, set[str]]]:
    """Sample name → its type and the labels it comes with."""
    page = (await room.http.get("/metrics")).text
    return {
        sample.name: (family.type, set(sample.labels))
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
async def test_an_alert_asks_for_what_is_there(room: Room, rule: dict[str, Any]) -> None:
    room.jieli.settings.engine = True
    await room.jieli.engine.drain()
    room.clock.advance(400 * HOUR)
    await room.jieli.engine.drain()
    for step in room.jieli.engine.steps:
        room.jieli.engine.health[step.name].ran_at = room.clock.now()
    found = await figures(room)
    named = NAME.findall(rule["expr"])
    assert named
    assert set(named) <= set(found)
    labels = {label for name in named for label in found[name][1]}
    for given in re.findall(r"by \((\w+)\)", rule["expr"]):
        assert given in labels
    for shown in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
        assert shown in labels | {"instance"}
    for name in named:
        assert ("rate(" in rule["expr"]) <= (found[name][0] == "histogram")
    assert rule["labels"]["severity"] in {"page", "warn"}


async def test_every_age_and_queue_is_told(room: Room) -> None:
    """The figures that issue 3 §6 names, moving as what they measure moves."""

    async def value(name: str, **labels: str) -> float:
        page = (await room.http.get("/metrics")).text
        return next(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    assert await value("jieli_task_oldest_overdue_seconds") == 0
    room.clock.advance(400 * HOUR)
    assert await value("jieli_task_oldest_overdue_seconds") > 0
    assert await value("jieli_timer_oldest_overdue_seconds") > 0
    assert await value("jieli_clock_skew_seconds") == 0
    for queue in ("ordinary", "together"):
        assert await value("jieli_writer_waiting", queue=queue) == 0
