"""The ways in which providers sign, written for the simulator alone, so that it is evidence for whoever verifies."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tracker.simulator.dialects.dialect import Sign


def over_body(header: str, prefix: str = "", time_header: str = "") -> Sign:
    """HMAC-SHA256 in hex over the raw body; a time in `time_header` is told and not signed."""

    def sign(secret: str, body: bytes, at: datetime) -> Mapping[str, str]:
        told = {time_header: str(int(at.timestamp()))} if time_header else {}
        return {header: prefix + _digest(secret, body)} | told

    return sign


def over_time_and_body(header: str, time_header: str, prefix: str) -> Sign:
    """HMAC-SHA256 in hex over the time in seconds, a point, and the raw body."""

    def sign(secret: str, body: bytes, at: datetime) -> Mapping[str, str]:
        seconds = str(int(at.timestamp()))
        return {header: prefix + _digest(secret, seconds.encode() + b"." + body), time_header: seconds}

    return sign


def with_the_secret_itself(header: str) -> Sign:
    """No signature: who knows the secret is believed."""
    return lambda secret, _, __: {header: secret}


def not_at_all() -> Sign:
    """Anybody could have sent it."""
    return lambda _, __, ___: {}


def _digest(secret: str, text: bytes) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
