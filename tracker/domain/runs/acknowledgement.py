"""Signed links: one in an alert, by which somebody acknowledges it, for a week; and one to the feed of the calendar."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

LASTS = timedelta(days=7)
PATH = "/acknowledge/"

_ID, _TIME = 16, 5
"""Bytes of an action's id, and of the second at which the link ends."""


class Links(Struct, frozen=True):
    """Links under the address by which people reach this installation, as in "https://tracker.example.org"."""

    public_url: str
    secret: str

    def link(self, action: UUID, created_at: datetime) -> str:
        """The link of an alert, the same at each attempt to say it."""
        said = action.bytes + int((created_at + LASTS).timestamp()).to_bytes(_TIME)
        return f"{self.public_url.rstrip('/')}{PATH}{urlsafe_b64encode(said + self._sign(said)).decode().rstrip('=')}"

    def action_of(self, token: str, now: datetime) -> UUID | None:
        """The alert that the last part of a link is for; None: we have not signed it, or it has ended."""
        try:
            whole = urlsafe_b64decode(f"{token}{'=' * (-len(token) % 4)}".encode("ascii"))
        except ValueError:
            return None
        said, signature = whole[: _ID + _TIME], whole[_ID + _TIME :]
        if not self.secret or not hmac.compare_digest(signature, self._sign(said)):
            return None
        ends = int.from_bytes(said[_ID:])
        return UUID(bytes=said[:_ID]) if now.timestamp() <= ends else None

    def feed(self, key: str) -> str:
        """What opens the feed of the calendar for as long as the key of that id is not revoked."""
        return f"{key}.{self._sign(key.encode(), b'calendar').hex()}"

    def key_of_feed(self, token: str) -> str | None:
        """The id of the key for which we signed it; None: we have not."""
        key, _, signature = token.rpartition(".")
        signed = hmac.compare_digest(signature.encode(), self._sign(key.encode(), b"calendar").hex().encode())
        return key if self.secret and key and signed else None

    def _sign(self, said: bytes, purpose: bytes = b"acknowledge") -> bytes:
        return hmac.digest(self.secret.encode(), purpose + b"\n" + said, "sha256")
