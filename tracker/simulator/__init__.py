"""A publishing provider to develop, demo and test against: documented API, signed webhooks, and a known truth.

story             what happens to a post, also by the wishes in its text
faults            the seed that decides, and what goes wrong on the way to us
clock             the time that everything else is given
dialects          how each kind of provider tells of it, and signs
metering          what calls of the API cost, and how many there may be
posts             the book of what really happened
deliveries        webhooks, sent at least once
wire, api, server the provider's language, its API, and HTTP
simulator         all of it, running, and new posts for it without end
"""

from tracker.simulator.clock import ManualClock
from tracker.simulator.deliveries import Delivery, Try, Webhook
from tracker.simulator.dialects import DIALECTS
from tracker.simulator.faults import ROUGH, Faults
from tracker.simulator.metering import Limit
from tracker.simulator.posts import Truth
from tracker.simulator.server import Call, Outage
from tracker.simulator.simulator import API_KEY, PLATFORMS, Simulator, run_simulator
from tracker.simulator.story import Odds

__all__ = [
    "API_KEY",
    "DIALECTS",
    "PLATFORMS",
    "ROUGH",
    "Call",
    "Delivery",
    "Faults",
    "Limit",
    "ManualClock",
    "Odds",
    "Outage",
    "Simulator",
    "Truth",
    "Try",
    "Webhook",
    "run_simulator",
]
