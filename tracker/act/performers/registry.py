"""Which verbs there are, and who performs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.act.performers.channels import build_alert, fault_of_service
from tracker.act.performers.reconcile import Reconcile
from tracker.act.performers.retry import RetryPost
from tracker.act.performers.signing import key_of
from tracker.act.performers.webhook import Send
from tracker.outbound import may_send_unchecked
from tracker.settings import AppriseChannel, WebhookChannel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.act.performers.notify import Alert
    from tracker.act.performers.publisher import Publisher
    from tracker.errors import Misconfigured
    from tracker.outbound import Outbound
    from tracker.settings import Settings


def build_performers(
    settings: Settings, clients: Mapping[str, Publisher], outbound: Outbound
) -> dict[str, Alert | Send | RetryPost | Reconcile]:
    """The performers by verb, for settings that are usable."""
    alert = build_alert(settings, outbound)
    return {
        "alert": alert,
        "send": Send(settings.endpoints, alert.ways, outbound, settings.left_out),
        "retry": RetryPost(clients, settings.providers),
        "reconcile": Reconcile(clients),
    }


def usable(settings: Settings) -> Settings:
    """The same without channels and endpoints that could never tell anybody."""
    return settings.without(_unusable(settings))


def _unusable(settings: Settings) -> dict[str, Misconfigured]:
    found = {
        f"channels.{name}": fault
        for name, channel in settings.channels.items()
        if isinstance(channel, AppriseChannel)
        and may_send_unchecked(settings, channel)
        and (fault := fault_of_service(settings, name, channel))
    }
    signing = {
        f"channels.{name}": channel.secrets
        for name, channel in settings.channels.items()
        if isinstance(channel, WebhookChannel)
    }
    signing |= {f"endpoints.{name}": endpoint.secrets for name, endpoint in settings.endpoints.items()}
    for key, secrets in signing.items():
        for place, secret in enumerate(secrets):
            try:
                key_of(secret.get_secret_value())
            except ValueError as error:
                found[key] = settings.fault(f"{key}.secrets.{place}", str(error))
    return found
