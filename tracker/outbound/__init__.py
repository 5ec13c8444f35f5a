"""The one way out of the house: by HTTP and by mail, with one rule about where it may go."""

from tracker.outbound.addresses import Allowed
from tracker.outbound.build import build_outbound
from tracker.outbound.client import Answer, Outbound
from tracker.outbound.configured import UNCHECKED, may_send_unchecked, unreachable
from tracker.outbound.connecting import OutboundError
from tracker.outbound.mail import MailServer, Receipt
from tracker.outbound.record import exchange, origin_of, shown

__all__ = [
    "UNCHECKED",
    "Allowed",
    "Answer",
    "MailServer",
    "Outbound",
    "OutboundError",
    "Receipt",
    "build_outbound",
    "exchange",
    "may_send_unchecked",
    "origin_of",
    "shown",
    "unreachable",
]
