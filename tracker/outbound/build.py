"""The client that the configuration asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound

if TYPE_CHECKING:
    from tracker.settings import Settings


def build_outbound(settings: Settings) -> Outbound:
    """The one client, not yet entered; raises Misconfigured for an entry of [outbound] allow that is none."""
    options = settings.outbound
    for place, text in enumerate(options.allow):
        try:
            Allowed.parse([text])
        except ValueError as error:
            raise settings.fault(f"outbound.allow.{place}", str(error)) from error
    return Outbound(Allowed.parse(options.allow), timeout=options.timeout, max_answer=options.max_answer)
