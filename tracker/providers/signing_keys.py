"""Keys of signatures: what the text of a secret stands for, and public keys, with which only their owner signs."""

from __future__ import annotations

import binascii
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

Algorithm = Literal["sha256", "sha1", "sha512", "ed25519", "ecdsa-p256"]
Spelling = Literal["text", "base64", "hex"]

WITH_PUBLIC_KEYS = frozenset({"ed25519", "ecdsa-p256"})
RAW_LENGTH = 32
"""Bytes of a public key of Ed25519."""


class PublicKey(Protocol):
    """Knows who has signed."""

    def __call__(self, signature: bytes, text: bytes) -> bool:
        """Whether the signature is its owner's, and of this text."""


@lru_cache(maxsize=256)
def shared_key(secret: bytes, prefix: str, spelling: Spelling) -> bytes:
    """The key that a shared secret stands for; raises ValueError, which does not quote it."""
    text = secret.removeprefix(prefix.encode())
    if spelling == "text":
        return text
    behind = f' behind "{prefix}"' if prefix else ""
    try:
        key = _unhex(text) if spelling == "hex" else _unbase64(text)
    except ValueError as error:
        raise ValueError(f"is not in {spelling}{behind}: copy it whole, as the sender shows it") from error
    if not key:
        raise ValueError(f"says nothing{behind}: copy it whole, as the sender shows it")
    return key


@lru_cache(maxsize=64)
def public_key(secret: bytes, prefix: str, algorithm: Algorithm) -> PublicKey:
    """The public key in hex, in base64 or as PEM; raises ValueError."""
    text = secret.removeprefix(prefix.encode()).strip()
    try:
        return _ed25519(text) if algorithm == "ed25519" else _ecdsa(text)
    except ValueError as error:
        named = "Ed25519" if algorithm == "ed25519" else "ECDSA P-256"
        raise ValueError(f"is not a public key of {named} in hex, in base64 or as PEM") from error


def _ed25519(text: bytes) -> PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  (takes a while)

    raw = _bytes_of(text)
    key = Ed25519PublicKey.from_public_bytes(raw) if len(raw) == RAW_LENGTH else _loaded(text, raw)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("another kind of key")  # noqa: TRY004  (what the caller tells of)
    return _checked_by(key.verify)


def _ecdsa(text: bytes) -> PublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415  (as above)
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415  (as above)

    raw = _bytes_of(text)
    point = raw[:1] in (b"\x02", b"\x03", b"\x04")
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw) if point else _loaded(text, raw)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("another kind of key")  # noqa: TRY004  (as above)
    return _checked_by(lambda signature, signed: key.verify(signature, signed, ec.ECDSA(SHA256())))


def _loaded(text: bytes, raw: bytes) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  (as above)
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  (as above)

    try:
        return serialization.load_der_public_key(raw) if raw else serialization.load_pem_public_key(text)
    except UnsupportedAlgorithm as error:
        raise ValueError("not supported") from error


def _checked_by(verify: Callable[[bytes, bytes], None]) -> PublicKey:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  (as above)

    def check(signature: bytes, text: bytes) -> bool:
        try:
            verify(signature, text)
        except InvalidSignature:
            return False
        return True

    return check


def _bytes_of(text: bytes) -> bytes:
    """What a key in hex or base64 stands for; nothing for one in PEM."""
    if text.startswith(b"-----"):
        return b""
    return _unhex(text) if re.fullmatch(rb"(?:[0-9a-fA-F]{2}){32,}", text) else _unbase64(text)


def _unhex(text: bytes) -> bytes:
    return binascii.unhexlify(text)


def _unbase64(text: bytes) -> bytes:
    """Of either alphabet, and also without the signs at its end that say nothing."""
    padded = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    return binascii.a2b_base64(padded + b"=" * (-len(padded) % 4), strict_mode=True)
