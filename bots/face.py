"""What the wiring needs of a chat vendor: a channel for cards, words, and pictures people sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from core.outbox.channel import Channel, SendResult


class Face(Channel, Protocol):
    """One configured account of one vendor."""

    async def tell(self, user_id: str, text: str) -> SendResult:
        """Say plain words to a person; one attempt."""

    async def show(self, user_id: str, picture: bytes, name: str) -> SendResult:
        """Bring a picture (PNG or JPEG) to a person; one attempt."""

    async def fetch(self, media: str) -> bytes:
        """The picture behind `said.Photo.media`.

        Raises:
            LookupError: it cannot be had (any more); its sentence is for the person who sent it.
            ConnectionError: the vendor cannot be asked just now; later it may be there.
        """

    def sign_in_url(self, back: str, state: str) -> str:
        """Where a browser goes to be told who its person is; it comes back to `back` with `state`.

        Empty: the vendor tells the page itself, behind the # of its address.
        """

    async def who(self, proof: Mapping[str, str]) -> str:
        """The user id that `proof` (the query of the way back) stands for.

        Raises:
            LookupError: it stands for nobody; its sentence is for the person who came.
        """

    async def bind_link(self, code: str) -> str:
        """An address that opens the chat with this code said already; empty where none can."""

    async def aclose(self) -> None:
        """Close the connections."""
