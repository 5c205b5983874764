"""Reference pages made from the code: settings, errors, permissions, retention, `.env.example`.

`python -m api.reference` rewrites them; tests/test_docs.py fails while one is stale. Not for prose.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from core.config import Settings
from core.errors import CATALOGUE

ROOT = Path(__file__).parent.parent
NOTE = "Made by `python -m api.reference`; do not edit by hand.\n"


def _default(field: FieldInfo) -> str:
    value = field.default
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def settings_page() -> str:
    """docs/settings.md: every option, its default and what it does."""
    rows = [
        f"| `JIELI_{name.upper()}` | `{_default(field) or '(empty)'}` | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            NOTE,
            "| variable | default | what it does |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def env_example() -> str:
    """.env.example: every option, commented out at its default."""
    lines = ["# Copy to .env and change what you need. Every option, at its default.", ""]
    for name, field in Settings.model_fields.items():
        lines += [f"# {field.description}", f"# JIELI_{name.upper()}={_default(field)}", ""]
    return "\n".join(lines)


def errors_page() -> str:
    """docs/errors.md: every refusal a client can meet."""
    rows = [
        f"| `{kind.code}` | {kind.status} | {kind.zh} | {kind.en} |"
        for kind in sorted(CATALOGUE.values(), key=lambda kind: kind.code)
    ]
    head = ["# Errors", "", NOTE, "`{…}` is filled with the facts of the case.", ""]
    return "\n".join([*head, "| code | status | zh | en |", "|---|---|---|---|", *rows, ""])


def permissions_page() -> str:
    """docs/permissions.md: who may do what; the table that `require` reads."""
    from core.people import VERBS

    rows = [f"| `{verb}` | {', '.join(sorted(roles))} |" for verb, roles in sorted(VERBS.items())]
    return "\n".join(["# Permissions", "", NOTE, "| verb | roles |", "|---|---|", *rows, ""])


def retention_page() -> str:
    """docs/retention.md: how large each table may grow."""
    from core.retention import KEPT, RULES

    goes = [f"| `{rule.table.name}` | {rule.says} |" for rule in RULES]
    stays = [f"| `{name}` | {says} |" for name, says in KEPT.items()]
    return "\n".join(
        [
            *("# How large each table may grow", "", NOTE),
            "The engine's step `retire` deletes, once a day and a handful at a time:",
            *("", "| table | a row goes |", "|---|---|", *goes, ""),
            "Everything else stays; what its rows are counted by:",
            *("", "| table | rows |", "|---|---|", *stays, ""),
        ]
    )


def pages() -> dict[Path, str]:
    """Every reference page and what it must say."""
    import api.main  # noqa: F401  # registers every error code and route

    return {
        ROOT / ".env.example": env_example(),
        ROOT / "docs/settings.md": settings_page(),
        ROOT / "docs/errors.md": errors_page(),
        ROOT / "docs/permissions.md": permissions_page(),
        ROOT / "docs/retention.md": retention_page(),
    }


def main() -> None:
    """Write them."""
    for path, text in pages().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
