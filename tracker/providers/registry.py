"""Which kinds of provider there are, and those that are configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.providers import sosyalkopru
from tracker.providers.body import parse_path
from tracker.providers.client import CALL, ProviderClient
from tracker.providers.internal import InternalReader
from tracker.settings import RESERVED_PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.outbound import Outbound
    from tracker.providers.adapter import Adapter
    from tracker.providers.base import FactReader
    from tracker.settings import Provider as ProviderSettings
    from tracker.settings import Settings

KINDS = frozenset({sosyalkopru.KIND})


def build_providers(settings: Settings) -> dict[str, Adapter]:
    """The configured providers by name; raises Misconfigured."""
    for name, provider in settings.providers.items():
        _check(settings, f"providers.{name}", provider)
    return {name: sosyalkopru.adapter(provider) for name, provider in settings.providers.items()}


def build_clients(settings: Settings, outbound: Outbound) -> dict[str, ProviderClient]:
    """The clients of the configured providers' APIs by name; raises Misconfigured."""
    for name, provider in settings.providers.items():
        _check(settings, f"providers.{name}", provider)
    return {name: _client(name, provider, outbound) for name, provider in settings.providers.items()}


def fact_readers(providers: Mapping[str, FactReader]) -> dict[str, FactReader]:
    """Who reads the events of each source of the log: the providers', and our own."""
    return {**providers, **dict.fromkeys(RESERVED_PROVIDERS, InternalReader())}


def _client(name: str, provider: ProviderSettings, outbound: Outbound) -> ProviderClient:
    calls = sosyalkopru.ASSUMED_CALLS | provider.calls
    return ProviderClient(name, provider.api_url, provider.api_key, calls, sosyalkopru.vocabulary(provider), outbound)


def _check(settings: Settings, key: str, provider: ProviderSettings) -> None:
    """What the settings cannot know by themselves: kinds, the names of places and calls, and their forms."""
    if provider.kind == "generic":
        raise settings.fault(f"{key}.kind", f'this version knows no kind "generic"; known: {", ".join(KINDS)}')
    if provider.kind not in KINDS:
        raise settings.unknown(f"{key}.kind", KINDS, provider.kind)
    for table, known in (("fields", sosyalkopru.PLACES), ("calls", sosyalkopru.ASSUMED_CALLS)):
        for name in getattr(provider, table):
            if name not in known:
                raise settings.unknown(f"{key}.{table}.{name}", frozenset(known))
    for name, path in provider.fields.items():
        try:
            parse_path(path)
        except ValueError as error:
            raise settings.fault(f"{key}.fields.{name}", str(error)) from error
    for name, call in provider.calls.items():
        if call and not CALL.fullmatch(call):
            form = f'write a method and a path with the post in it, as in "{sosyalkopru.ASSUMED_CALLS[name]}"'
            raise settings.fault(f"{key}.calls.{name}", f'"{call}" is not a call: {form}')
