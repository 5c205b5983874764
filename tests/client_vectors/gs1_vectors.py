"""What both readers of labels must agree on: pda/labels.py here, api/client/src/gs1.ts there.

`python -m tests.client_vectors.gs1_vectors` writes gs1.json. The strings are those of
tests/pda/test_labels.py and combinations of their parts; the answers are Python's. Not a test.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

from biip.gs1_application_identifiers import _GS1_APPLICATION_IDENTIFIERS

from pda.labels import Expected, read
from tests.pda.test_labels import BIIP_137, CERTAIN, GS, MILK, ORDINARY, TEA, TODAY

FILE = Path(__file__).with_name("gs1.json")

Case = tuple[str, str | None, Expected]

PREFIXES = ("", GS, "]C1", "]d2" + GS, "]Q3", "]e0", "]E0", "]A0")
SEPARATORS = ("", GS)
FIELDS = ("10AB47", "17260630", "15261231", "11251101", "21S-77", "3103001250", "3724", "240X-99")
BROKEN = (
    "17261399",
    "17260231",
    "17260200",
    "3102001250" + "3103002500",
    "00340123450000000010",
    "10A 1",
    "10" + "A" * 25,
    "30",
    "8008260302",
    "700726030226030",
    "9" * 12,
)
LINKS = (
    f"https://id.gs1.org/01/{MILK}",
    f"HTTP://example.com/shop/01/{MILK}/10/A%2F1?17=260630&17=260731&x=1",
    f"https://id.gs1.org/01/{MILK[1:]}/21/9/10/8",
    f"https://id.gs1.org/01/{MILK}/10/A/21/9?3103=001250&15=",
    f"https://id.gs1.org/01/{MILK}/10",
    f"https://id.gs1.org/01/{MILK}/99/1",
    f"https://id.gs1.org/01/{MILK}?17=261399",
    "https://id.gs1.org/00/340123450000000010?37=24&02=06901234567892",
    "https://id.gs1.org/constructor/1",
    "https://example.com/",
    f"https://[::1/01/{MILK}",
    f"https://id.gs1.org/01/{MILK}/10/A+B?10=C+D",
    f"https://id.gs1.org/01/{MILK}/10/%E4%BD%8E%zz#frag/01/1",
)
OWN = (
    "J1:IA-001:LL-7:M20260101:E20261231",
    "J1:PA-01",
    "J1:PA-01:LL-7",
    "J1:IA-001:S9:N12.5",
    "J1:IA%3A1:L%E6%89%B9%20%2B:SA-._/+Z",
    "J1:IA:L%EF%BB%BF%E4%BD%zz%",
    "J1:IA:L%E4%BDA%FF",
    "J1:I低糖",
    "J1:IA:N1,000.500000",
    "J1:IA:N0.0000001",
    "J1:IA:N9000000000",
    "J1:IA:N9000000000.000001",
    "J1:IA:N+.5",
    "J1:IA:N%EF%BC%92",
    "J1:IA:N 3",
    "J1:IA:M20260229",
    "J1:IA:E20280229",
    "J1:IA:E00000101",
    "J1:IA:E2026 101",
    "J1:IA:E2026-01-01",
    "J1:IA:M:E",
    "J1:IA:x1",
    "J1:constructor",
    "Ｊ１：ＰＡ－０１",
    *("J1:", "J1:A-001", "J1:IA:PB", "J1:LL-7", "J1:IA:IB", "J1:IA:N0", "J1:IA:N-1", "J1:I"),
    *("J1:IA:E20261301", "J1:IA:E261231", "J1:IA:Nx", "J1:IA:N", "j1:IA-001", "J1:IA:", "J1"),
)
PROBES = (
    "1234567890" * 10,
    "0" * 40,
    "260302123456260302",
    "ABCDEFGHIJ" * 10,
    "12AB-/%41%42zz",
    "%41%42" * 95,
    "1",
    "99/x y",
    "",
    "260230999",
)


def cases() -> list[Case]:
    """Every input, each once, in a fixed order."""
    today = Expected(today=TODAY)
    real: list[Case] = [(case[0], None, today) for case in CERTAIN]
    real += [(raw, None, today) for raw in ORDINARY]
    known = Expected(frozenset({"00693570007182"}), frozenset({"21072911"}), TODAY)
    swallowed = f"01{MILK}10AB4717260630"
    real += [
        (BIIP_137, None, today),
        (BIIP_137, None, known),
        (BIIP_137, "C1", Expected()),
        (swallowed, None, today),
        (swallowed, None, Expected(lots=frozenset({"AB47"}), today=TODAY)),
        (swallowed, None, Expected(lots=frozenset({"AB4717260630"}), today=TODAY)),
        (f"10AB4717260630{GS}01{MILK}", None, today),
        (f"]C101{MILK[:-1]}010A1", None, Expected()),
        (f"02{TEA}3724", None, Expected()),
        ("你好1234", None, Expected()),
        ("00340123450000000010", None, Expected()),
    ]
    return list(dict.fromkeys(real + _combined()))


def _combined() -> list[Case]:
    today = Expected(today=TODAY)
    made: list[Case] = []
    for prefix, gap, field in product(PREFIXES, SEPARATORS, FIELDS):
        made.append((f"{prefix}01{MILK}{field}{gap}17270131", None, today))
        made.append((f"{prefix}{field}{gap}01{MILK}", None, today))
    for one, two, gap in product(FIELDS, FIELDS, SEPARATORS):
        made.append((f"{one}{gap}{two}01{MILK}", None, today))
        made.append((f"02{TEA}{one}{gap}{two}", "]C1", Expected(today=date(2041, 1, 1))))
    for odd, kind in product(BROKEN, (None, "C1", "]d2", "E0")):
        made.append((f"01{MILK}{odd}", kind, today))
        made.append((odd, kind, today))
        made.append((f"(01){MILK}({odd[:2]}){odd[2:]}", kind, today))
    kinds = (None, "]Q1", "Q1", "]E0", "]d1", "]C0")
    made += [(text, kind, today) for text, kind in product((*LINKS, *OWN), kinds)]
    made += [(f"]Q1{text}", None, today) for text in (*LINKS, *OWN)]
    return made


def vector(case: Case) -> dict[str, Any]:
    """One input with Python's answer, as JSON."""
    raw, symbology, expected = case
    reading = read(raw, symbology, expected)
    return {
        "raw": raw,
        "symbology": symbology,
        "expected": {
            "gtins": sorted(expected.gtins),
            "lots": sorted(expected.lots),
            **({"today": expected.today.isoformat()} if expected.today else {}),
        },
        "reading": {
            "code": reading.code,
            "labels": [asdict(label) for label in reading.labels],
            "odd_keyboard": reading.odd_keyboard,
        },
    }


def fields() -> dict[str, list[int | None]]:
    """For every identifier: how much of each probe its value takes, None where it takes none."""
    found: dict[str, list[int | None]] = {}
    for each in _GS1_APPLICATION_IDENTIFIERS.values():
        pattern = re.compile(each.pattern.removesuffix("$"))
        taken = [pattern.match(each.ai + probe) for probe in PROBES]
        found[each.ai] = [len(one.group()) - len(each.ai) if one else None for one in taken]
    return found


def document() -> dict[str, Any]:
    """What gs1.json holds."""
    return {
        "readings": [vector(case) for case in cases()],
        "probes": list(PROBES),
        "fields": fields(),
    }


def text() -> str:
    """The file: one vector a line, so that a change shows what it changed."""
    made = document()
    rows = ",\n".join(json.dumps(each, ensure_ascii=False) for each in made["readings"])
    probes = json.dumps(made["probes"])
    each = ",\n".join(f'"{ai}": {json.dumps(taken)}' for ai, taken in made["fields"].items())
    return f'{{"probes": {probes},\n"readings": [\n{rows}\n],\n"fields": {{\n{each}\n}}}}\n'


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
