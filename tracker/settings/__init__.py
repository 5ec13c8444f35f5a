"""config.toml and the environment, read once into one frozen Settings."""

from tracker.settings.channels import (
    AppriseChannel,
    Channel,
    EmailChannel,
    LogChannel,
    SlackChannel,
    WebhookChannel,
)
from tracker.settings.endpoints import Endpoint
from tracker.settings.jobs import Job, Jobs, ReconcileJob
from tracker.settings.load import load_settings
from tracker.settings.providers import Provider, Webhook
from tracker.settings.sections import (
    RESERVED_PROVIDERS,
    Outbound,
    Retention,
    Settings,
    Telemetry,
)

__all__ = [
    "RESERVED_PROVIDERS",
    "AppriseChannel",
    "Channel",
    "EmailChannel",
    "Endpoint",
    "Job",
    "Jobs",
    "LogChannel",
    "Outbound",
    "Provider",
    "ReconcileJob",
    "Retention",
    "Settings",
    "SlackChannel",
    "Telemetry",
    "Webhook",
    "WebhookChannel",
    "load_settings",
]
