"""The shared vectors are what Python's reader says today; vitest holds the browser's to them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.client_vectors.gs1_vectors import FILE, cases, document, text, vector

KEPT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
HOW = "run: python -m tests.client_vectors.gs1_vectors, then npm test -w api/client"


@pytest.mark.parametrize("at", range(len(KEPT["readings"])))
def test_python_reads_the_vector_as_written(at: int) -> None:
    kept = KEPT["readings"][at]
    assert kept == vector(cases()[at]), HOW


def test_every_real_label_and_every_field_is_in_the_vectors() -> None:
    assert document() == KEPT, HOW
    assert text() == FILE.read_text(encoding="utf-8"), HOW


def test_the_vectors_hold_every_kind_of_answer() -> None:
    counts = {len(each["reading"]["labels"]) for each in KEPT["readings"]}
    assert {0, 1, 2} <= counts
    labels = [label for each in KEPT["readings"] for label in each["reading"]["labels"]]
    for name in ("lot", "serial", "made_on", "expires_on", "best_before", "sscc", "count"):
        assert any(label[name] for label in labels), name
    assert {label["repaired"] for label in labels} == {True, False}
    assert {label["gtin_valid"] for label in labels} == {True, False}
