"""The one table of a run: every figure with what it stands beside and the gate it has to meet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.machine import percentile


@dataclass(frozen=True, slots=True)
class Gate:
    """`measured` must be at least (or at most) `must`; from perf.md §9 or the user's own words."""

    measured: float
    must: float
    at_least: bool = False
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.measured >= self.must if self.at_least else self.measured <= self.must

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return (
            f"{sign} {self.must:g}{self.unit}: {self.measured:.3g} {'ok' if self.met else 'MISSED'}"
        )


@dataclass(frozen=True, slots=True)
class Result:
    """One line: what was done, the figure as text, what it is compared with, raw `facts`."""

    part: str
    what: str
    figure: str
    beside: str = ""
    gates: tuple[Gate, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        gates = [
            {"measured": each.measured, "must": each.must, "at_least": each.at_least}
            | {"unit": each.unit, "met": each.met}
            for each in self.gates
        ]
        kept = {"part": self.part, "what": self.what, "figure": self.figure, "beside": self.beside}
        return kept | {"gates": gates, "facts": self.facts}


HEAD = ("part", "what", "figure", "beside", "gates")


def printed(lines: Iterable[Result]) -> str:
    """The table as Markdown, so that it can be put into docs/performance.md as it is."""
    rows = [HEAD, tuple("---" for _ in HEAD)]
    for line in lines:
        gates = "; ".join(str(gate) for gate in line.gates) or "–"
        rows.append((line.part, line.what, line.figure, line.beside or "–", gates))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def milliseconds(seconds: Sequence[float]) -> str:
    """`p50 1.2 / p99 3.4 ms` of a list of seconds."""
    p50, p99 = percentile(seconds, 0.5) * 1e3, percentile(seconds, 0.99) * 1e3
    return f"p50 {p50:.2f} / p99 {p99:.2f} ms"
