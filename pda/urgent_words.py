"""Every sentence of the one-tap form, one function each; the others are in messages.py."""

from __future__ import annotations

from pda.messages import Message


def form_filled(title: str, open_fields: str) -> Message:
    """`open_fields`: labels of what nothing could fill; empty when one tap is enough."""
    if open_fields:
        return Message(
            "warn",
            f"{title}已填好，还差{open_fields}。点一下补上，再发起。",
            f"{title}: filled except {open_fields}. Tap it to fill in.",
            "form_open",
        )
    return Message("ok", f"{title}已填好。看一眼，点「发起」。", f"{title} is filled. Tap launch.")


def form_stale(sentence: str, en: str) -> Message:
    """Somebody was faster; the form on the screen is a new one, and the same tap launches it."""
    return Message("ask", sentence, en, "shortcut_stale")


def launched(sentence: str, code: str) -> Message:
    return Message("ok", sentence, f"Launched: {code}.")


def scan_what_is_missing() -> Message:
    return Message("info", "扫缺的货品，或先扫你站的库位。", "Scan what is missing, or your place.")
