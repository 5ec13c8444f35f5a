"""Who speaks to us: what each provider's webhooks mean, how they are signed, and how its API is called."""

from tracker.providers.registry import build_clients, build_providers

__all__ = ["build_clients", "build_providers"]
