"""Questions asked before their answer is wanted, so that they travel with the first of a command.

A command whose values are known from the beginning (its operation, a bin, a line) asks for all of
them with `ask_ahead` and then goes on as always: `execute` with the same statement and values finds
the answer that has come. Once, and not after anything was written.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from sqlalchemy import Connection, Select


class AheadConnection(Connection):
    """Keeps what was asked and not looked at yet, one of each statement.

    Where nothing travels, nothing is asked.
    """

    _ahead: dict[Any, tuple[dict[str, Any], Any]] | None = None

    @abstractmethod
    def sent(self, statement: Select[Any], parameters: dict[str, Any]) -> Any | None:
        """The answer to be, on its way; None where it would be waited for."""

    def keep_ahead(self, statement: Select[Any], parameters: dict[str, Any]) -> None:
        """Send it with the next question, and keep the answer for whoever asks the same."""
        answer = self.sent(statement, parameters)
        if answer is not None:
            self._ahead = self._ahead or {}
            self._ahead[statement] = (parameters, answer)

    def asked_ahead(self, statement: Any, parameters: Any) -> Any | None:
        """What was asked ahead in these words; a write makes all of it void."""
        if self._ahead is None:
            return None
        if not isinstance(statement, Select):
            self._ahead = None
            return None
        asked, answer = self._ahead.get(statement, (None, None))
        if answer is None or asked != parameters:
            return None
        del self._ahead[statement]
        return answer

    def forget_ahead(self) -> None:
        """Something was, or may have been, written."""
        self._ahead = None


def ask_ahead(conn: Connection, statement: Select[Any], parameters: dict[str, Any]) -> None:
    """Have a question of a module's own travel with the next one; its values are plain."""
    if isinstance(conn, AheadConnection):
        conn.keep_ahead(statement, parameters)
