"""How often a bot may send: 1 a second to one chat, 20 a minute to one group, 30 a second in all.

Published in Telegram's bot FAQ, with "short bursts" allowed and no figure for them. Played here is
a plain token bucket a chat with room for BURST; only new messages count for a chat, edits count for
the 30 a second. The live limits are softer and shift (grammy.dev/advanced/flood).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.clock import MINUTE, SECOND, Clock, Instant

BURST = 3


@dataclass(slots=True)
class Bucket:
    """`room` tokens; one more every `refill`."""

    room: int
    refill: Instant
    left: float = field(init=False)
    at: Instant = 0

    def __post_init__(self) -> None:
        self.left = float(self.room)

    def wait(self, now: Instant) -> Instant:
        """How long until there is a token; 0 when there is one now."""
        self.left = min(float(self.room), self.left + (now - self.at) / self.refill)
        self.at = now
        return 0 if self.left >= 1 else int((1 - self.left) * self.refill)


@dataclass(slots=True)
class Pace:
    """The buckets of one bot."""

    clock: Clock
    all: Bucket = field(default_factory=lambda: Bucket(30, SECOND // 30))
    chats: dict[int, Bucket] = field(default_factory=dict)

    def seconds_to_wait(self, chat: int | None) -> int:
        """Take a token for a message to `chat` (None: an edit), or say how long to wait."""
        now = self.clock.now()
        buckets = [self.all]
        if chat is not None:
            fresh = Bucket(20, MINUTE // 20) if chat < 0 else Bucket(BURST, SECOND)
            buckets.append(self.chats.setdefault(chat, fresh))
        longest = max(bucket.wait(now) for bucket in buckets)
        if longest:
            return -(-longest // SECOND)
        for bucket in buckets:
            bucket.left -= 1
        return 0
