"""config.toml and the environment, read once into one frozen Settings."""

from tracker.settings.commented import commented_config
from tracker.settings.load import load_settings
from tracker.settings.sections import (
    RESERVED_PROVIDERS,
    Channel,
    Endpoint,
    Job,
    Jobs,
    Outbound,
    Provider,
    Retention,
    Settings,
    Telemetry,
)

__all__ = [
    "RESERVED_PROVIDERS",
    "Channel",
    "Endpoint",
    "Job",
    "Jobs",
    "Outbound",
    "Provider",
    "Retention",
    "Settings",
    "Telemetry",
    "commented_config",
    "load_settings",
]
