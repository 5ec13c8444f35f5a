"""The secret of an endpoint made at run time: worked out whenever it is needed, so that nothing keeps it."""

from __future__ import annotations

import hmac
from base64 import b64encode

PREFIX = "whsec_"


def secret_of(endpoint: str, link_secret: str) -> str:
    """The secret of the endpoint with that id, as Standard Webhooks writes it; it changes with [server] link_secret."""
    return PREFIX + b64encode(hmac.digest(link_secret.encode(), b"endpoint\n" + endpoint.encode(), "sha256")).decode()
