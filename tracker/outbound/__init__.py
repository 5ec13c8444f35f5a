"""The one way out of the house: an HTTP client with one rule about where it may go."""

from tracker.outbound.addresses import Allowed
from tracker.outbound.build import build_outbound
from tracker.outbound.client import Answer, Outbound
from tracker.outbound.connecting import OutboundError
from tracker.outbound.record import exchange, origin_of

__all__ = ["Allowed", "Answer", "Outbound", "OutboundError", "build_outbound", "exchange", "origin_of"]
