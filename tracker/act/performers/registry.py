"""Which verbs there are, and who performs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.act.performers.channels import build_alert
from tracker.act.performers.provider_actions import RetryPost
from tracker.act.performers.reconcile import Reconcile
from tracker.act.performers.webhook import Send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.act.performers.notify import Alert
    from tracker.act.performers.publisher import Publisher
    from tracker.outbound.client import Outbound
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
