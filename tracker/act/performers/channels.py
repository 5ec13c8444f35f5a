"""Which verbs and which kinds of channel there are, and who performs each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.act.performers.apprise import AppriseService, open_service
from tracker.act.performers.channel_checks import fault_of_service
from tracker.act.performers.mail import Mail
from tracker.act.performers.notify import Alert, LogAlerts, Send, SignedWebhook
from tracker.act.performers.post_changes import ChangePost, CreatePost
from tracker.act.performers.provider_actions import Reconcile, RetryPost
from tracker.act.performers.slack import SlackApp, SlackWebhook
from tracker.act.performers.subscribed import SubscribedEndpoints
from tracker.domain.actions import Discard, Reason
from tracker.domain.runs.acknowledgement import Links
from tracker.outbound.configured import UNCHECKED, may_send_unchecked
from tracker.settings import AppriseChannel, EmailChannel, LogChannel, SlackChannel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tracker.act.performers.notify import AlertChannel
    from tracker.act.performers.provider_actions import Publisher
    from tracker.domain.actions import Claimed, Outcome
    from tracker.outbound.client import Outbound
    from tracker.settings import Channel, Settings
    from tracker.store.database import Database


def build_performers(
    settings: Settings, clients: Mapping[str, Publisher], outbound: Outbound, database: Database | None = None
) -> dict[str, Alert | Send | RetryPost | ChangePost | CreatePost | Reconcile]:
    """The performers by verb, for settings that are usable; `database` knows the endpoints made at run time."""
    alert, change = build_alert(settings, outbound), ChangePost(clients)
    subscribed = SubscribedEndpoints(database, settings)
    return {
        "alert": alert,
        "send": Send(settings.endpoints, alert.ways, outbound, settings.left_out, subscribed),
        "retry": RetryPost(clients, settings.providers),
        **dict.fromkeys(("cancel", "reschedule", "delete"), change),
        "create": CreatePost(clients, settings),
        "reconcile": Reconcile(clients),
    }


@dataclass(frozen=True, slots=True)
class Off:
    """A channel by which nothing may be sent; each of its alerts ends with the reason."""

    why: str

    async def send_alert(self, claimed: Claimed, now: datetime) -> Outcome:
        """Say why not."""
        return Discard(Reason.BLOCKED, self.why)


def build_alert(settings: Settings, outbound: Outbound) -> Alert:
    """The performer of `alert`; raises Misconfigured for a channel that could never tell anybody."""
    ways = {name: _way(settings, name, channel, outbound) for name, channel in settings.channels.items()}
    server = settings.server
    return Alert(ways, Links(server.public_url, server.link_secret.get_secret_value()), settings.left_out)


def _way(settings: Settings, name: str, channel: Channel, outbound: Outbound) -> AlertChannel:
    match channel:
        case LogChannel():
            return LogAlerts()
        case SlackChannel() if channel.token.get_secret_value():
            return SlackApp(channel, outbound)
        case SlackChannel():
            return SlackWebhook(channel.url, outbound)
        case EmailChannel():
            return Mail(channel, outbound)
        case AppriseChannel() if not may_send_unchecked(settings, channel):
            return Off(f"channels.{name}: apprise {UNCHECKED}")
        case AppriseChannel():
            return _service(settings, name, channel, outbound)
        case _:
            return SignedWebhook(channel, outbound)


def _service(settings: Settings, name: str, channel: AppriseChannel, outbound: Outbound) -> AppriseService:
    if fault := fault_of_service(settings, name, channel):
        raise fault
    return AppriseService(channel.url, open_service(channel.url), outbound.deadline)
