"""Short turns between threads: whoever answers must not wait for whoever writes.

Python lets a thread that computes keep the interpreter for 5 ms while others ask for it. A receipt
of nine lines is 20 ms of work on the writer's thread, and a request meanwhile needs the interpreter
some ten times: it waited 50 ms and more. Measured on the user's day (docs/performance.md).
"""

from __future__ import annotations

import sys

TURN_SECONDS = 0.001


def take_short_turns() -> None:
    """For a server's process; a script alone in its process gains nothing."""
    sys.setswitchinterval(TURN_SECONDS)
