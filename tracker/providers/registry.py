"""Which kinds of provider there are, and those that are configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.providers import outstand, sosyalkopru, zernio
from tracker.providers.adapter import Adapter
from tracker.providers.answers import Answers
from tracker.providers.body import parse_path, zone_of
from tracker.providers.client import ProviderClient
from tracker.providers.internal import InternalReader
from tracker.providers.kind import HOLES, Call, check_call
from tracker.providers.recreation import Recreation
from tracker.providers.secret_file import SecretFile
from tracker.providers.signature import Verifier
from tracker.providers.vocabulary import Vocabulary
from tracker.settings import RESERVED_PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.outbound import Outbound
    from tracker.providers.base import FactReader
    from tracker.providers.gate import Gate
    from tracker.providers.kind import Kind
    from tracker.providers.vocabulary import Place
    from tracker.settings import Provider as ProviderSettings
    from tracker.settings import Settings

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (sosyalkopru.KIND, zernio.KIND, outstand.KIND)}


def build_providers(settings: Settings) -> dict[str, Adapter]:
    """The configured providers by name; raises Misconfigured."""
    return {name: _adapter(_kind(settings, name), provider) for name, provider in settings.providers.items()}


def build_clients(settings: Settings, outbound: Outbound, gate: Gate) -> dict[str, ProviderClient]:
    """The clients of the configured providers' APIs by name, who call for rules; raises Misconfigured."""
    return {
        name: _client(_kind(settings, name), name, provider, outbound, gate)
        for name, provider in settings.providers.items()
    }


def fact_readers(providers: Mapping[str, FactReader]) -> dict[str, FactReader]:
    """Who reads the events of each source of the log: the providers', and our own."""
    return {**providers, **dict.fromkeys(RESERVED_PROVIDERS, InternalReader())}


def _adapter(kind: Kind, settings: ProviderSettings) -> Adapter:
    secrets = tuple(secret.get_secret_value().encode() for secret in settings.webhook_secrets)
    verifier = Verifier(kind.scheme, secrets, SecretFile(settings.secret_file) if settings.secret_file else None)
    return Adapter(verifier, _words(kind, kind.places, settings.fields, settings), kind.delivery)


def _client(kind: Kind, name: str, settings: ProviderSettings, outbound: Outbound, gate: Gate) -> ProviderClient:
    answers = Answers(_words(kind, kind.answers, settings.answers, settings))
    recreation = Recreation.parse(settings.recreate)
    return ProviderClient(
        name, settings.api_url, settings.api_key, kind.auth, _calls(kind, settings), answers, recreation, outbound, gate
    )


def _calls(kind: Kind, settings: ProviderSettings) -> dict[str, Call]:
    return {**kind.calls, **{name: Call(text, documented=True) for name, text in settings.calls.items()}}


def _words(kind: Kind, places: Mapping[str, Place], moved: Mapping[str, str], settings: ProviderSettings) -> Vocabulary:
    """Its words, with what the operator has put right."""
    statuses = {**kind.assumed_statuses, **kind.documented_statuses, **settings.statuses}
    events = {**kind.assumed_events, **kind.documented_events}
    return Vocabulary.build(places, moved, statuses, events, zone_of(settings.timezone))


def _kind(settings: Settings, name: str) -> Kind:
    """The kind it names; what the settings cannot know by themselves is checked here."""
    key, provider = f"providers.{name}", settings.providers[name]
    if provider.kind not in KINDS:
        raise settings.unknown(f"{key}.kind", frozenset(KINDS), provider.kind)
    kind = KINDS[provider.kind]
    _check_paths(settings, f"{key}.fields", provider.fields, kind.places)
    _check_paths(settings, f"{key}.answers", provider.answers, kind.answers)
    _check_paths(settings, f"{key}.post", provider.post, kind.post)
    for call, text in provider.calls.items():
        if call not in HOLES:
            raise settings.unknown(f"{key}.calls.{call}", frozenset(HOLES))
        try:
            if text:
                check_call(call, text)
        except ValueError as error:
            raise settings.fault(f"{key}.calls.{call}", str(error)) from error
    _check_terms(settings, key, provider, _calls(kind, provider))
    return kind


def _check_terms(settings: Settings, key: str, provider: ProviderSettings, calls: Mapping[str, Call]) -> None:
    """What the operator wants can be done with the calls that there are."""
    try:
        Recreation.parse(provider.recreate)
    except ValueError as error:
        raise settings.fault(f"{key}.recreate", str(error)) from error
    there = {name for name, call in calls.items() if call.text}
    if provider.credits_kept and "usage" not in there:
        raise settings.fault(f"{key}.credits_kept", f"nobody tells how many are left: {key}.calls.usage is not set")
    if provider.retry == "create":
        for call in sorted({"get", "create"} - there):
            raise settings.fault(f"{key}.retry", f'"create" asks, and then creates: {key}.calls.{call} is not set')
        if not provider.recreate:
            example = '{ platforms = "platforms.*.platform", content = "content" }'
            raise settings.fault(f"{key}.retry", f'"create" needs the fields of a new post: {key}.recreate = {example}')


def _check_paths(settings: Settings, key: str, moved: Mapping[str, str], places: Mapping[str, Place]) -> None:
    for name, path in moved.items():
        if name not in places:
            raise settings.unknown(f"{key}.{name}", frozenset(places))
        try:
            parse_path(path)
        except ValueError as error:
            raise settings.fault(f"{key}.{name}", str(error)) from error
