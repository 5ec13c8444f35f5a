"""Which verbs there are, and who performs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.actions.channels import build_alert
from tracker.actions.reconcile import Reconcile
from tracker.actions.retry import RetryPost
from tracker.actions.signing import key_of
from tracker.actions.webhook import Send
from tracker.settings import WebhookChannel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.actions.notify import Alert
    from tracker.actions.publisher import Publisher
    from tracker.outbound import Outbound
    from tracker.settings import Settings


def build_performers(
    settings: Settings, clients: Mapping[str, Publisher], outbound: Outbound
) -> dict[str, Alert | Send | RetryPost | Reconcile]:
    """The performers by verb; raises Misconfigured for a secret that cannot sign, and a channel that can never tell."""
    _check_secrets(settings)
    alert = build_alert(settings, outbound)
    return {
        "alert": alert,
        "send": Send(settings.endpoints, alert.ways, outbound),
        "retry": RetryPost(clients, settings.providers),
        "reconcile": Reconcile(clients),
    }


def _check_secrets(settings: Settings) -> None:
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
                raise settings.fault(f"{key}.secrets.{place}", str(error)) from error
