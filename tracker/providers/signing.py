"""What a signature covers, and the signatures that a sender puts on a delivery."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from functools import lru_cache
from typing import TYPE_CHECKING

from tracker.domain.rfc3339 import read_rfc3339
from tracker.providers.signing_keys import WITH_PUBLIC_KEYS, shared_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tracker.providers.signature import Scheme

_DIGITS = re.compile(r"\d{1,13}", re.ASCII)
LENGTH_OF_MILLISECONDS = 13


@lru_cache(maxsize=64)
def _parts(template: str) -> tuple[str | bytes, ...]:
    """What stands between the holes, in bytes, and the names of the holes between them."""
    parts = re.split(r"\{(\w+)\}", template)
    return tuple(part if place % 2 else part.encode() for place, part in enumerate(parts) if part)


def signed_text(scheme: Scheme, body: bytes, timestamp: str, named: str = "", target: str = "") -> bytes:
    """The bytes that the signature covers; `named` is the delivery's id, `target` what was asked for."""
    if scheme.signed == "{body}":
        return body
    values = {"body": body, "timestamp": timestamp.encode("latin-1", "replace"), "method": b"POST"}
    if scheme.id_header:
        values["id"] = named.encode("latin-1", "replace")
    if scheme.signs_target:
        values["path"] = target.encode("latin-1", "replace")
        values["url"] = _with_query(scheme.url, target).encode("utf-8", "replace")
    return b"".join([part if isinstance(part, bytes) else values[part] for part in _parts(scheme.signed)])


def _with_query(url: str, target: str) -> str:
    """The address as the sender has it, with the question that came."""
    _, mark, query = target.partition("?")
    return url if "?" in url else url + mark + query


def sign(
    scheme: Scheme, secrets: Sequence[bytes], body: bytes, now: datetime, named: str = "1", target: str = ""
) -> dict[str, str]:
    """The headers that a sender with these secrets puts on `body`; one that can carry several signatures has them all.

    Raises ValueError where only the sender has the key that signs, or where a secret can be none.
    """
    if scheme.form in ("shared", "path"):
        return {scheme.headers[0]: secrets[0].decode()} if scheme.form == "shared" else {}
    if scheme.algorithm in WITH_PUBLIC_KEYS:
        raise ValueError(f"{scheme.algorithm} signs with a key that only the sender has")
    timestamp = str(int(now.timestamp()))
    text = signed_text(scheme, body, timestamp, named, target)
    keys = [shared_key(secret, scheme.key_prefix, scheme.key_encoding) for secret in secrets]
    signatures = [_encoded(hmac.digest(key, text, scheme.algorithm), scheme.encoding) for key in keys]
    identified = {scheme.id_header: named} if scheme.id_header else {}
    if scheme.form == "fields":
        fields = [f"{scheme.timestamp_field}={timestamp}", *(f"{scheme.signature_field}={one}" for one in signatures)]
        return {scheme.headers[0]: (scheme.separator or ",").join(fields)} | identified
    stamped = {scheme.timestamp_header: timestamp} if scheme.timestamp_header else {}
    told = [scheme.prefix + one for one in (signatures if scheme.separator else signatures[:1])]
    return {scheme.headers[0]: scheme.separator.join(told)} | stamped | identified


def _encoded(digest: bytes, encoding: str) -> str:
    return b64encode(digest).decode() if encoding == "base64" else digest.hex()


def is_time(text: str) -> bool:
    """Whether it is a time: digits since 1970, or one of RFC 3339."""
    if _DIGITS.fullmatch(text):
        return True
    try:
        read_rfc3339(text)
    except ValueError:
        return False
    return True


def seconds_of(timestamp: str) -> float:
    """The seconds since 1970 of such a time; thirteen digits are milliseconds."""
    if not timestamp.isdecimal():
        return read_rfc3339(timestamp).timestamp()
    return int(timestamp) / 1000 if len(timestamp) == LENGTH_OF_MILLISECONDS else int(timestamp)
