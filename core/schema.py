"""Every module that declares tables, so that `metadata` is whole for migrations and tests."""

from __future__ import annotations

from importlib import import_module

from sqlalchemy import MetaData

from core.db import metadata

MODULES = (
    "core.anchor",
    "core.events",
    "core.once",
    "core.audit",
    "core.leases",
    "core.people",
    "core.calendar",
    "core.catalog",
    "core.stock.tables",
    "core.outbox.tables",
    "core.tasks.tables",
    "core.orders.tables",
    "core.orders.sales.tables",
    "core.shortcuts.tables",
)


def sequences() -> set[str]:
    """The names of the sequences that PostgreSQL numbers the ledger with."""
    return set(whole()._sequences)


def whole() -> MetaData:
    """The metadata with every table of the product in it."""
    for module in MODULES:
        import_module(module)
    return metadata
