"""Signatures of webhooks, declared: one verifier for every way in which providers sign."""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from tracker.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

_HOLES = re.compile(r"\{(\w*)\}")
LENGTH_OF_MILLISECONDS = 13


class BadScheme(ValueError):
    """A way of signing that cannot be; `field` is what is wrong with it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a provider signs. Header names are in lower case.

    `form`: "plain" is a header `<prefix><signature>`; "fields" is a header `t=<seconds>,v1=<signature>[,v1=…]`;
    "shared" is a header that holds the secret itself; "path" is the secret as the end of the address.
    `signed` is what the signature covers, made of {body} and {timestamp}. `headers` are alternatives: during a
    rotation some providers sign twice. `optional`: who has given the provider no secret gets nothing signed, and may
    put the secret into the address instead. Raises BadScheme.
    """

    headers: tuple[str, ...]
    form: Literal["plain", "fields", "shared", "path"] = "plain"
    prefix: str = ""
    encoding: Literal["hex", "base64", "either"] = "hex"
    signed: str = "{body}"
    timestamp_header: str = ""
    tolerance: timedelta | None = None
    optional: bool = False

    def __post_init__(self) -> None:
        holes = _HOLES.findall(self.signed)
        if "body" not in holes or set(holes) - {"body", "timestamp"}:
            wanted = "must hold {body}, may hold {timestamp}, and nothing else in braces"
            raise BadScheme("signed", f'"{self.signed}" {wanted}')
        if not self.headers and self.form != "path":
            raise BadScheme("headers", f'is required: form = "{self.form}" is about a header')
        if self.times and self.form == "plain" and not self.timestamp_header:
            raise BadScheme("timestamp_header", "is required: a signed timestamp comes in a header of its own")
        if self.tolerance and not self.times:
            raise BadScheme("tolerance", 'needs a time that is signed, as in signed = "{timestamp}.{body}"')

    @property
    def times(self) -> bool:
        """Whether a time is part of what is signed."""
        return "{timestamp}" in self.signed and self.form in ("plain", "fields")

    @property
    def takes_path(self) -> bool:
        """Whether the secret may be the end of the address."""
        return self.form == "path" or self.optional

    @property
    def keepable(self) -> frozenset[str]:
        """The headers that verify a kept delivery again; a header that is the secret itself is never kept."""
        return frozenset({*self.headers, self.timestamp_header} - {""}) - self.secret_headers

    @property
    def secret_headers(self) -> frozenset[str]:
        """The headers that are the secret itself."""
        return frozenset(self.headers) if self.form == "shared" else frozenset()


class MoreSecrets(Protocol):
    """Secrets that may change while we run."""

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """Those that are known by now."""

    def changed(self) -> bool:
        """Look again, and tell whether there is something new."""

    def keep_up(self, now: datetime) -> None:
        """Look again if the last look was long ago, so that a secret that was taken away ends soon."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks deliveries against a scheme and the secrets that are active: the `configured` ones, and `more`."""

    scheme: Scheme
    configured: tuple[bytes, ...] = field(repr=False)
    more: MoreSecrets | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """All that are active."""
        return self.configured + self.more.secrets if self.more else self.configured

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime, path: str = "") -> None:
        """Raises Rejected, and nothing else, unless one of the secrets has signed. `path` is what follows the name."""
        if self.more:
            self.more.keep_up(now)
        try:
            self._verify(headers, body, now, path)
        except Rejected as error:
            if error.code != "signature_wrong" or self.more is None or not self.more.changed():
                raise
            self._verify(headers, body, now, path)

    def _verify(self, headers: Mapping[str, str], body: bytes, now: datetime, path: str) -> None:
        scheme = self.scheme
        claims = [headers[name].strip() for name in scheme.headers if name in headers]
        if any("\n" in claim for claim in claims):
            raise Rejected("signature_malformed", "the header of the signature came twice, and says two things")
        if scheme.form == "path" or (scheme.optional and path and not claims):
            claims = [path]
        elif scheme.form != "shared":
            self._verify_signed(headers, claims, body, now)
            return
        self._compare([claim.encode("utf-8", "replace") for claim in claims if claim], self.secrets)

    def _verify_signed(self, headers: Mapping[str, str], claims: Sequence[str], body: bytes, now: datetime) -> None:
        scheme = self.scheme
        timestamp, texts = self._claimed(headers, claims)
        candidates: list[bytes] = []
        for claim in texts:
            candidates += _decoded(claim, scheme.encoding)
        if claims and not candidates:
            raise Rejected("signature_malformed")
        text = body if scheme.signed == "{body}" else signed_text(scheme, body, timestamp)
        self._compare(candidates, [hmac.digest(secret, text, "sha256") for secret in self.secrets])
        tolerance = scheme.tolerance
        if tolerance and abs(now.timestamp() - _seconds(timestamp)) > tolerance.total_seconds():
            raise Rejected("signature_stale")

    def _claimed(self, headers: Mapping[str, str], claims: Sequence[str]) -> tuple[str, list[str]]:
        """The timestamp and the signatures that are claimed; what is in no form of ours is left out."""
        scheme = self.scheme
        if scheme.form == "plain" and not scheme.timestamp_header:
            return "", [claim.removeprefix(scheme.prefix) for claim in claims if claim.startswith(scheme.prefix)]
        timestamp, texts = headers.get(scheme.timestamp_header, "").strip(), []
        for claim in claims:
            if scheme.form == "fields":
                pairs = [part.strip().partition("=") for part in claim.split(",")]
                timestamp = next((text for name, _, text in pairs if name == "t"), timestamp)
                texts += [text for name, _, text in pairs if name == "v1"]
            elif claim.startswith(scheme.prefix):
                texts.append(claim.removeprefix(scheme.prefix))
        if scheme.times and texts and not re.fullmatch(r"\d{1,13}", timestamp, re.ASCII):
            raise Rejected("signature_malformed")
        return timestamp, texts

    @staticmethod
    def _compare(given: Sequence[bytes], right: Sequence[bytes]) -> None:
        if not given:
            raise Rejected("signature_missing")
        same = False
        for one in given:
            for other in right:
                same |= hmac.compare_digest(one, other)
        if not same:
            raise Rejected("signature_wrong")


def signed_text(scheme: Scheme, body: bytes, timestamp: str) -> bytes:
    """The bytes that the signature covers."""
    if scheme.signed == "{body}":
        return body
    parts = re.split(r"(\{body\}|\{timestamp\})", scheme.signed)
    values = {"{body}": body, "{timestamp}": timestamp.encode()}
    return b"".join(values.get(part, part.encode()) for part in parts)


def sign(scheme: Scheme, secrets: Sequence[bytes], body: bytes, now: datetime) -> dict[str, str]:
    """The headers that a sender with these secrets puts on `body`; only form "fields" carries more than one."""
    if scheme.form in ("shared", "path"):
        return {scheme.headers[0]: secrets[0].decode()} if scheme.form == "shared" else {}
    timestamp = str(int(now.timestamp()))
    text = signed_text(scheme, body, timestamp)
    signatures = [_encoded(hmac.digest(secret, text, "sha256"), scheme.encoding) for secret in secrets]
    if scheme.form == "fields":
        return {scheme.headers[0]: ",".join([f"t={timestamp}", *(f"v1={signature}" for signature in signatures)])}
    stamped = {scheme.timestamp_header: timestamp} if scheme.timestamp_header else {}
    return {scheme.headers[0]: scheme.prefix + signatures[0]} | stamped


def _encoded(digest: bytes, encoding: str) -> str:
    return b64encode(digest).decode() if encoding == "base64" else digest.hex()


def _decoded(text: str, encoding: str) -> list[bytes]:
    """What the text can stand for; nothing where it is not in the encoding."""
    found = []
    for one in ("hex", "base64") if encoding == "either" else (encoding,):
        try:
            found.append(binascii.unhexlify(text) if one == "hex" else binascii.a2b_base64(text, strict_mode=True))
        except ValueError:
            continue
    return found


def _seconds(timestamp: str) -> float:
    """Thirteen digits are milliseconds."""
    return int(timestamp) / 1000 if len(timestamp) == LENGTH_OF_MILLISECONDS else int(timestamp)
