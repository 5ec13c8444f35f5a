"""Whether a provider could send webhooks to an address."""

from __future__ import annotations

from urllib.parse import urlsplit

from tracker.domain.actions import Reason
from tracker.errors import Rejected
from tracker.outbound.addresses import Allowed, OutboundError
from tracker.outbound.client import Outbound


async def check_address(url: str, api_url: str) -> None:
    """Raise Rejected unless `url` begins with https:// and leads to the public.

    A provider that lives at a private address itself, as the simulated one does, reaches private ones without https.
    """
    async with Outbound(Allowed()) as outside:
        private = await _is_blocked(outside, url)
        if await _is_blocked(outside, api_url):
            if private.startswith("not a web address"):
                raise Rejected("bad_address", f"{url}: {private}")
            return
    if urlsplit(url.strip()).scheme != "https":
        raise Rejected("bad_address", f"{url}: the provider sends webhooks only to addresses with https://")
    if private:
        raise Rejected("bad_address", f"{url}: the provider sends webhooks only to public addresses: {private}")


async def _is_blocked(outside: Outbound, url: str) -> str:
    """Why the public cannot mean this address; "" also for a name that is not known here, for it may be elsewhere."""
    try:
        await outside.check_url(url)
    except OutboundError as error:
        return error.detail.partition(", which [outbound]")[0] if error.reason is Reason.BLOCKED else ""
    return ""
