"""The table of verbs: (task kind, button) → function. Every button of every face lands here.

`perform` closes the task first (permission at press time, fence, compare-and-set: exactly one press
wins), then does the verb; both commit together or not at all. A button that asks for inputs gets
them checked against what the card asked. Not for verifying vendors' callbacks (bots, api).
"""

from __future__ import annotations

from core.actions.press import (
    ACTIONS,
    CARD_UNKNOWN,
    NO_SUCH_BUTTON,
    Outcome,
    Press,
    perform,
    press_token,
)

__all__ = [
    "ACTIONS",
    "CARD_UNKNOWN",
    "NO_SUCH_BUTTON",
    "Outcome",
    "Press",
    "perform",
    "press_token",
]
