"""Signatures of webhooks, declared: one verifier for every way in which providers sign."""

from __future__ import annotations

import binascii
import hmac
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, Protocol

from tracker.errors import Rejected, did_you_mean
from tracker.providers.signing import is_time, seconds_of, signed_text
from tracker.providers.signing_keys import WITH_PUBLIC_KEYS, Algorithm, Spelling, public_key, shared_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

HOLES = ("body", "timestamp", "id", "url", "path", "method")
_HOLES = re.compile(r"\{(\w*)\}")
MOST_CLAIMS = 16
"""So many signatures of one delivery are looked at: nobody turns more secrets at once."""
TARGET = ":path"
"""The name under which a kept delivery has the address that it was sent to, where that is signed."""


class BadScheme(ValueError):
    """A way of signing that cannot be; `field` is what is wrong with it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a provider signs. Header names are in lower case.

    `form`: "plain" is a header `<prefix><signature>`, or several with a `separator` between them; "fields" is a header
    `t=<time>,v1=<signature>[,v1=…]`, whose names are `timestamp_field` and `signature_field`; "shared" is a header
    that holds the secret itself; "path" is the secret as the end of the address.
    `signed` is what the signature covers, made of the HOLES: {url} is the address as the sender has it, {path} is what
    was asked of us, from the first slash on. `headers` are alternatives: during a rotation some providers sign twice.
    `key_encoding` is how the key in a secret is written, behind its `key_prefix`. `optional`: who has given the
    provider no secret gets nothing signed, and may put the secret into the address instead. Raises BadScheme.
    """

    headers: tuple[str, ...]
    form: Literal["plain", "fields", "shared", "path"] = "plain"
    prefix: str = ""
    encoding: Literal["hex", "base64", "either"] = "hex"
    signed: str = "{body}"
    timestamp_header: str = ""
    tolerance: timedelta | None = None
    optional: bool = False
    algorithm: Algorithm = "sha256"
    key_encoding: Spelling = "text"
    key_prefix: str = ""
    separator: str = ""
    timestamp_field: str = "t"
    signature_field: str = "v1"
    id_header: str = ""
    url: str = ""
    is_bare: bool = field(init=False, repr=False, compare=False)
    """Whether a header is one signature and nothing else; known beforehand, since each delivery asks."""
    takes_keys_as_they_are: bool = field(init=False, repr=False, compare=False)
    """Whether a secret is a key of an HMAC without more ado."""

    def __post_init__(self) -> None:
        is_text = self.key_encoding == "text" and not self.key_prefix
        object.__setattr__(self, "takes_keys_as_they_are", is_text and self.algorithm not in WITH_PUBLIC_KEYS)
        object.__setattr__(self, "is_bare", self.form == "plain" and not (self.separator or self.timestamp_header))
        holes = _HOLES.findall(self.signed)
        unknown = [hole for hole in holes if hole not in HOLES]
        if "body" not in holes or unknown:
            others = ", ".join(f"{{{hole}}}" for hole in HOLES if hole != "body")
            near = did_you_mean(unknown[0], HOLES) if unknown else ""
            raise BadScheme("signed", f'"{self.signed}" must hold {{body}}, and may hold {others}{near}')
        for hole, setting, what in (("id", self.id_header, "id_header"), ("url", self.url, "url")):
            if hole in holes and not setting:
                raise BadScheme(what, f"is required: {{{hole}}} is part of what is signed")
        if self.algorithm in WITH_PUBLIC_KEYS and self.form in ("shared", "path"):
            raise BadScheme("algorithm", f'"{self.algorithm}" signs, and form = "{self.form}" is about a secret')
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
        return frozenset({*self.headers, self.timestamp_header, self.id_header} - {""}) - self.secret_headers

    @property
    def signs_target(self) -> bool:
        """Whether the address is part of what is signed."""
        return "{path}" in self.signed or "{url}" in self.signed

    @property
    def secret_headers(self) -> frozenset[str]:
        """The headers that are the secret itself."""
        return frozenset(self.headers) if self.form == "shared" else frozenset()

    def check_secret(self, secret: bytes) -> None:
        """Raise ValueError, which does not quote it, for what can be no secret of this scheme."""
        if self.algorithm in WITH_PUBLIC_KEYS:
            public_key(secret, self.key_prefix, self.algorithm)
        else:
            shared_key(secret, self.key_prefix, self.key_encoding)


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

    def signature_of(self, text: bytes) -> str:
        """What the first of the secrets makes of a text, in hex."""
        return _digest(next(iter(self._keys()), b""), text, self.scheme.algorithm).hex()

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime, path: str = "", target: str = "") -> None:
        """Raises Rejected, and nothing else, unless one of the secrets has signed.

        `path` is what follows the name, and `target` the whole of what was asked for.
        """
        if self.more:
            self.more.keep_up(now)
        try:
            self._verify(headers, body, now, path, target)
        except Rejected as error:
            if error.code != "signature_wrong" or self.more is None or not self.more.changed():
                raise
            self._verify(headers, body, now, path, target)

    def _verify(self, headers: Mapping[str, str], body: bytes, now: datetime, path: str, target: str) -> None:
        scheme, claims = self.scheme, []
        for name in scheme.headers:
            if name in headers:
                claims.append(claim := headers[name].strip())
                if "\n" in claim:
                    raise Rejected("signature_malformed", "the header of the signature came twice, and says two things")
        if scheme.form == "path" or (scheme.optional and path and not claims):
            claims = [path]
        elif scheme.form != "shared":
            self._verify_signed(headers, claims, body, now, target)
            return
        self._compare([claim.encode("utf-8", "replace") for claim in claims if claim], self.secrets)

    def _verify_signed(
        self, headers: Mapping[str, str], claims: Sequence[str], body: bytes, now: datetime, target: str
    ) -> None:
        scheme = self.scheme
        timestamp, texts = self._claimed(headers, claims)
        candidates: list[bytes] = []
        for claim in texts:
            candidates += _decoded(claim, scheme.encoding)
        if not candidates:
            raise Rejected("signature_malformed" if claims else "signature_missing")
        text = body if scheme.signed == "{body}" else self._signed_text(headers, body, timestamp, target)
        if scheme.algorithm in WITH_PUBLIC_KEYS:
            self._check(candidates, text)
        else:
            keys = self.secrets if scheme.takes_keys_as_they_are else self._keys()
            self._compare(candidates, [_digest(key, text, scheme.algorithm) for key in keys])
        tolerance = scheme.tolerance
        if tolerance and abs(now.timestamp() - seconds_of(timestamp)) > tolerance.total_seconds():
            raise Rejected("signature_stale")

    def _signed_text(self, headers: Mapping[str, str], body: bytes, timestamp: str, target: str) -> bytes:
        scheme = self.scheme
        named = headers.get(scheme.id_header, "").strip() if scheme.id_header else ""
        if "\n" in named or not (named or "{id}" not in scheme.signed):
            raise Rejected("signature_malformed", "the header of the id is missing, or says two things")
        return signed_text(scheme, body, timestamp, named, target or headers.get(TARGET, ""))

    def _keys(self) -> Sequence[bytes]:
        scheme, keys = self.scheme, []
        for secret in self.secrets:
            try:
                keys.append(shared_key(secret, scheme.key_prefix, scheme.key_encoding))
            except ValueError:  # one of the file, which was told of when it was read
                continue
        return keys

    def _claimed(self, headers: Mapping[str, str], claims: Sequence[str]) -> tuple[str, list[str]]:
        """The timestamp and the signatures that are claimed; what is in no form of ours is left out."""
        scheme = self.scheme
        prefix = scheme.prefix
        if scheme.is_bare:
            return "", [claim.removeprefix(prefix) for claim in claims if claim.startswith(prefix)]
        if scheme.form == "fields":
            timestamp, texts = self._fields(claims, headers.get(scheme.timestamp_header, "").strip())
            del texts[MOST_CLAIMS:]
        else:
            if scheme.separator:
                claims = [part.strip() for claim in claims for part in claim.split(scheme.separator, MOST_CLAIMS)]
            texts = [claim.removeprefix(prefix) for claim in claims if claim.startswith(prefix)]
            timestamp = headers.get(scheme.timestamp_header, "").strip() if scheme.timestamp_header else ""
        if texts and scheme.times and not is_time(timestamp):
            raise Rejected("signature_malformed")
        return timestamp, texts

    def _fields(self, claims: Sequence[str], timestamp: str) -> tuple[str, list[str]]:
        scheme, texts = self.scheme, []
        for claim in claims:
            pairs = [part.strip().partition("=") for part in claim.split(scheme.separator or ",")]
            timestamp = next((text for name, _, text in pairs if name == scheme.timestamp_field), timestamp)
            texts += [text for name, _, text in pairs if name == scheme.signature_field]
        return timestamp, texts

    def _check(self, given: Sequence[bytes], text: bytes) -> None:
        scheme = self.scheme
        for secret in self.secrets:
            try:
                key = public_key(secret, scheme.key_prefix, scheme.algorithm)
            except ValueError:  # as above
                continue
            if any(key(one, text) for one in given):
                return
        raise Rejected("signature_wrong")

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


@lru_cache(maxsize=256)
def _keyed(key: bytes, algorithm: str) -> hmac.HMAC:
    return hmac.new(key, digestmod=algorithm)


def _digest(key: bytes, text: bytes, algorithm: str) -> bytes:
    """The HMAC of the text. Taking in the key is half of it for a short text, and is done once for each key."""
    made = _keyed(key, algorithm).copy()
    made.update(text)
    return made.digest()


def _decoded(text: str, encoding: str) -> list[bytes]:
    """What the text can stand for; nothing where it is not in the encoding."""
    found = []
    for one in ("hex", "base64") if encoding == "either" else (encoding,):
        try:
            found.append(binascii.unhexlify(text) if one == "hex" else binascii.a2b_base64(text, strict_mode=True))
        except ValueError:
            continue
    return found
