"""Standard Webhooks: a stable id, the time of the attempt, and a signature for each active secret."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from standardwebhooks import Webhook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pydantic import SecretStr

PREFIX = "whsec_"


def key_of(secret: str) -> bytes:
    """The key in a secret: base64 behind `whsec_`, else the text itself. Raises ValueError."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    encoded = secret.removeprefix(PREFIX)
    try:
        key = binascii.a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True)
    except ValueError as error:
        raise ValueError(f"begins with {PREFIX}, but no base64 follows") from error
    if not key:
        raise ValueError(f"has nothing behind {PREFIX}")
    return key


def signed(message: str, now: datetime, body: bytes, secrets: Sequence[SecretStr]) -> dict[str, str]:
    """The headers for `body`; one signature for each secret, so that a receiver can rotate, and none without."""
    headers = {"webhook-id": message, "webhook-timestamp": str(int(now.timestamp()))}
    keys = [key_of(secret.get_secret_value()) for secret in secrets]
    signatures = " ".join(Webhook(key).sign(message, now, body.decode()) for key in keys)
    return headers | ({"webhook-signature": signatures} if signatures else {})
