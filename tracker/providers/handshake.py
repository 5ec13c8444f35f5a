"""Handshakes: how a sender asks, before it sends anything, whether we are there; declared, and never an event.

What is signed is answered only to a question that was signed itself: else whoever asks could have anything signed.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from tracker.errors import Rejected
from tracker.providers.mapping.paths import CompiledPaths

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.providers.mapping.paths import Path

LARGEST = 8 * 1024
"""Bytes of a body or of a query; who only asks says no more."""
LONGEST = 512
"""Characters of a challenge."""
MOST_FIELDS = 50


class BadHandshake(ValueError):
    """A handshake that cannot be; `field` is what is wrong with it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Handshake:
    """What is asked, and how it is answered. Raises BadHandshake.

    In a GET, `query` is the parameter with the challenge, and `token_query` the one that must say `token`. In a
    delivery, `event` leads to its name, which is `name`, and `challenge` to the challenge: it is answered under
    `answer`, and what it signs under `signature`; without `answer`, by its text alone.
    """

    query: str = ""
    token_query: str = ""
    token: str = field(default="", repr=False)
    event: Path = ()
    name: str = ""
    challenge: Path = ()
    answer: str = ""
    signature: str = ""
    asked: CompiledPaths = field(init=False, repr=False, compare=False)
    """Where the name and the challenge stand: each delivery is looked at."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "asked", CompiledPaths([self.event, self.challenge]))
        if not self.query and not self.event:
            raise BadHandshake("event", "is required, or query: where is the question?")
        for setting, given in (("token_query", self.token_query), ("token", self.token)):
            if self.query and not given:
                raise BadHandshake(setting, "is required: whoever asks by a GET has to know a token")
        for setting, there in (("name", self.name), ("challenge", self.challenge)):
            if self.event and not there:
                raise BadHandshake(setting, "is required: what is asked in a delivery, and where?")
        if self.signature and not self.answer:
            raise BadHandshake("answer", "is required: a signature is answered beside what is signed")

    def to_query(self, query: str) -> str | None:
        """The answer to a GET; None where it is none of this handshake. Raises Rejected for another token."""
        if not self.query or len(query) > LARGEST:
            return None
        try:
            asked = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS))
        except ValueError:
            return None
        challenge = asked.get(self.query, "")
        if not _is_fit(challenge):
            return None
        if not hmac.compare_digest(asked.get(self.token_query, "").encode(), self.token.encode()):
            raise Rejected("signature_wrong", "the token is another one")
        return challenge

    def to_body(self, body: bytes, signed: Callable[[bytes], str]) -> str | dict[str, str] | None:
        """The answer to a delivery that is authentic; None where it asks nothing. `signed` is the signature of it."""
        if not self.event or len(body) > LARGEST:
            return None
        try:
            name, challenge = self.asked.of(body)
        except ValueError:
            return None
        if name != self.name or not isinstance(challenge, str) or not _is_fit(challenge):
            return None
        if not self.answer:
            return challenge
        return {self.answer: challenge} | ({self.signature: signed(challenge.encode())} if self.signature else {})


def _is_fit(challenge: str) -> bool:
    return 0 < len(challenge) <= LONGEST and challenge.isascii() and challenge.isprintable()
