"""The auditor of who was asked: nobody who had left the firm, nobody on leave with a stand-in here,
and no task is left with nobody.

Reads what the administrator did (audit, leave) and what tasks say of their people; shares no code
with core.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.simulation.day import Day

Row = dict[str, Any]
LIVE = ("open", "claimed", "snoozed", "paused")


def asked(day: Day, rows: dict[str, list[Row]]) -> Iterator[str]:
    if day.clock_was_set:
        return  # nobody knows what came first
    staff = _Staff(rows)
    for event in rows["event"]:
        if event["kind"] not in ("task.opened", "task.reopened", "task.escalated"):
            continue
        payload, at = event["payload"], event["recorded_at"]
        for person in payload.get("to", payload["task"]["people"]):
            what = f"{event['kind']} {payload['task']['id']} went to person {person}"
            if not staff.is_here(person, at):
                yield f"{what}, who had left (event {event['seq']})"
            stand_in = staff.stand_in(person, at)
            told_again = event["kind"] == "task.reopened"  # those who had it before
            if stand_in and not told_again:
                yield f"{what}, for whom {stand_in} stood in (event {event['seq']})"
            day.counts["asked the right one"] += 1
    for task in rows["task"]:
        here = [each for each in task["people"] if staff.is_here(each, day.now)]
        if task["state"] in LIVE and not here:
            yield f"task {task['id']} is {task['state']}, and everybody who had it has left"


class _Staff:
    """Who was there, and who was on leave, at any moment."""

    def __init__(self, rows: dict[str, list[Row]]) -> None:
        self._leaves = [row | {"from_us": _known_from(row, rows["audit"])} for row in rows["leave"]]
        self._changes: dict[int, list[tuple[int, bool]]] = defaultdict(list)
        for row in sorted(rows["audit"], key=lambda row: int(row["id"])):
            if row["verb"] == "person.write" and "active" in (row["after"] or {}):
                person = int(row["thing"].partition(":")[2])
                self._changes[person].append((row["at"], row["after"]["active"]))

    def is_here(self, person: int, at: int) -> bool:
        """Whether he belonged to the firm; true in the very moment of a change."""
        now = [active for moment, active in self._changes[person] if moment < at]
        same = [active for moment, active in self._changes[person] if moment == at]
        return (now[-1] if now else True) or any(same)

    def stand_in(self, person: int, at: int) -> int | None:
        """Who certainly acted for him: his only leave of that time names somebody present."""
        leaves = self._of(person, at)
        if len(leaves) != 1 or at in (leaves[0]["from_us"], leaves[0]["to_us"]):
            return None
        other: int | None = leaves[0]["substitute_id"]
        if other is None or self._of(other, at) or not self.is_here(other, at):
            return None
        return None if any(moment == at for moment, _ in self._changes[other]) else other

    def _of(self, person: int, at: int) -> list[Row]:
        return [
            row
            for row in self._leaves
            if row["person_id"] == person and row["from_us"] <= at <= row["to_us"]
        ]


def _known_from(leave: Row, audit: list[Row]) -> int:
    """From when on it was known: the office may have been slower than the holiday."""
    written: list[int] = [
        row["at"]
        for row in audit
        if row["thing"] == f"person:{leave['person_id']}"
        and (row["after"] or {}).get("leave", {}).get("from_us") == leave["from_us"]
    ]
    begins: int = max([leave["from_us"], *written])
    return begins
