"""Which channels and endpoints of the configuration can tell anybody at all, seen before anything is lost there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.act.performers.apprise import NotInstalledError, open_service
from tracker.act.performers.http_delivery import key_of
from tracker.outbound.configured import may_send_unchecked
from tracker.settings import AppriseChannel, WebhookChannel

if TYPE_CHECKING:
    from tracker.errors import Misconfigured
    from tracker.settings import Settings


def usable(settings: Settings) -> Settings:
    """The settings without channels and endpoints that could never tell anybody."""
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


def fault_of_service(settings: Settings, name: str, channel: AppriseChannel) -> Misconfigured | None:
    """Why Apprise could never tell anybody by this channel; nothing where it can."""
    try:
        open_service(channel.url)
    except NotInstalledError:
        needed = 'needs Apprise, which is not installed here: pip install "tracker[apprise]"'
        return settings.fault(f"channels.{name}.kind", needed)
    except ValueError as error:
        return settings.fault(f"channels.{name}.url", str(error))
    except Exception as error:  # a plugin raises what it likes, and may quote the address
        return settings.fault(f"channels.{name}.url", f"Apprise cannot use this address: {type(error).__name__}")
    return None
