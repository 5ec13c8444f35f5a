"""Clients for servers on the loopback, which speak no TLS."""

from __future__ import annotations

import ssl
from typing import Any

import httpx2

NOBODY_TRUSTED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""To read who is trusted takes 30 ms, for every client anew."""


def client(**options: Any) -> httpx2.AsyncClient:
    """What httpx2.AsyncClient makes of the options, whatever proxies the environment names."""
    return httpx2.AsyncClient(verify=NOBODY_TRUSTED, trust_env=False, **options)
