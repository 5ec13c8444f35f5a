"""Which kinds of provider there are, and those that are configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.errors import Misconfigured
from tracker.providers import (
    ayrshare,
    blotato,
    buffer,
    bundle_social,
    generic,
    mixpost,
    outstand,
    post_for_me,
    postiz,
    publer,
    sosyalkopru,
    upload_post,
    zernio,
)
from tracker.providers.adapter import Adapter
from tracker.providers.answers import Answers
from tracker.providers.client import ProviderClient
from tracker.providers.configured import configured
from tracker.providers.mapping.fields import NOWHERE
from tracker.providers.mapping.mapping import PayloadMapping, StatusMapping
from tracker.providers.recreation import Recreation
from tracker.providers.secret_file import SecretFile
from tracker.providers.signature import Verifier
from tracker.providers.spec import WHOLE
from tracker.providers.times import zone_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.outbound.client import Outbound
    from tracker.providers.mapping.fields import FieldPath
    from tracker.providers.mapping.targets import Form
    from tracker.providers.rate_limiter import RateLimiter
    from tracker.providers.signature import Scheme
    from tracker.providers.spec import ProviderSpec
    from tracker.settings import Provider as ProviderSettings
    from tracker.settings import Settings

KINDS: Mapping[str, ProviderSpec] = {
    module.KIND.name: module.KIND
    for module in (
        sosyalkopru,
        zernio,
        ayrshare,
        bundle_social,
        post_for_me,
        outstand,
        upload_post,
        mixpost,
        postiz,
        buffer,
        publer,
        blotato,
        generic,
    )
}


def faults_of(settings: Settings) -> list[Misconfigured]:
    """What is wrong with the configured providers, the first of each."""
    return _kinds(settings)[1]


def build_providers(settings: Settings) -> dict[str, Adapter]:
    """The configured providers that send webhooks, by name.

    Raises Misconfigured for the first that is set up wrongly, with one note for each further one.
    """
    kinds, faults = _kinds(settings)
    if faults:
        for fault in faults[1:]:
            faults[0].add_note(str(fault))
        raise faults[0]
    return {name: _adapter(kind, kind.scheme, settings.providers[name]) for name, kind in kinds.items() if kind.scheme}


def build_clients(settings: Settings, outbound: Outbound, gate: RateLimiter) -> dict[str, ProviderClient]:
    """The clients of the configured providers' APIs by name, who call for rules; raises Misconfigured."""
    return {
        name: _client(_kind(settings, name), name, provider, outbound, gate)
        for name, provider in settings.providers.items()
    }


def _adapter(kind: ProviderSpec, scheme: Scheme, settings: ProviderSettings) -> Adapter:
    secrets = tuple(secret.get_secret_value().encode() for secret in settings.webhook_secrets)
    verifier = Verifier(scheme, secrets, SecretFile(settings.secret_file) if settings.secret_file else None)
    moved = {name: path for name, path in settings.fields.items() if "." not in name}
    told = {kind.delivery.path, kind.event_header, kind.post_header}
    kept = scheme.keepable | (told - {""} - scheme.secret_headers)
    return Adapter(
        verifier,
        _words(kind, kind.places, moved, settings, kind.form, kind.lists),
        tuple(_variant(kind, name, moved, settings) for name in kind.variants),
        delivery_header=kind.delivery.path,
        kept_headers=tuple(sorted(kept)),
        unnamed=kind.unnamed,
        about_posts=kind.about_posts,
        anywhere=kind.anywhere,
        asks=kind.nothing_asks and bool(settings.api_key.get_secret_value()),
        event_header=kind.event_header,
        post_header=kind.post_header,
        handshake=kind.handshake,
    )


def _variant(
    kind: ProviderSpec, name: str, moved: Mapping[str, str], settings: ProviderSettings
) -> tuple[tuple[str, ...], PayloadMapping]:
    """The words of events that are built otherwise: in them, what is moved for all moves only what does not differ."""
    variant = kind.variants[name]
    own = {place: path for place, path in moved.items() if place not in variant.places}
    for place, path in settings.fields.items():
        whose, _, place_name = place.partition(".")
        own |= {place_name: path} if whose == name else {}
    places = {**kind.places, **variant.places}
    return variant.events, _words(kind, places, own, settings, variant.form, variant.lists)


def _client(
    kind: ProviderSpec, name: str, settings: ProviderSettings, outbound: Outbound, gate: RateLimiter
) -> ProviderClient:
    there = {attribute: _in_answers(path, kind, settings) for attribute, path in settings.attributes.items()}
    words = _words(kind, kind.answers, settings.answers, settings, kind.answer_form, kind.answer_lists, there)
    answers = Answers(words)
    recreation, auth = Recreation.parse(settings.recreate), kind.auth.path
    headers = {header: place.path for header, place in kind.headers.items()} | settings.headers
    return ProviderClient(
        name, settings.api_url, settings.api_key, auth, kind.calls, answers, recreation, outbound, gate, headers,
        settings.workspace,
    )  # fmt: skip


def _words(
    kind: ProviderSpec,
    places: Mapping[str, FieldPath],
    moved: Mapping[str, str],
    settings: ProviderSettings,
    form: Form,
    lists: FieldPath,
    attributes: Mapping[str, str] | None = None,
) -> PayloadMapping:
    """Its words, with what the operator has put right."""
    meanings = StatusMapping.build(kind.statuses, kind.retryable)
    attributes = settings.attributes if attributes is None else attributes
    return PayloadMapping.build(
        places, moved, meanings, kind.events, zone_of(settings.timezone), form, attributes, kind.account_states,
        whole=lists.path == WHOLE, ends=frozenset(kind.ends),
    )  # fmt: skip


def _in_answers(path: str, kind: ProviderSpec, settings: ProviderSettings) -> str:
    """Where an attribute stands in an answer: in the post itself, without the way to it in a webhook."""
    post = settings.fields.get("post") or kind.places.get("post", NOWHERE).path
    way = post.partition("|")[0].rpartition(".")[0] + "."
    inner = [one.strip().removeprefix(way) for one in path.split("|")]
    return "|".join(dict.fromkeys([*inner, *(one.strip() for one in path.split("|"))]))


def _kinds(settings: Settings) -> tuple[dict[str, ProviderSpec], list[Misconfigured]]:
    kinds, faults = {}, []
    for name in settings.providers:
        try:
            kinds[name] = _kind(settings, name)
        except Misconfigured as fault:
            faults.append(fault)
    return kinds, faults


def _kind(settings: Settings, name: str) -> ProviderSpec:
    """The kind it names, as the operator has put it right."""
    kind = settings.providers[name].kind
    if kind not in KINDS:
        raise settings.unknown(f"providers.{name}.kind", frozenset(KINDS), kind)
    return configured(settings, name, KINDS[kind])
