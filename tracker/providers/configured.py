"""A kind as an operator has put it right in [providers.<name>], checked for what settings cannot know by themselves."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tracker.domain.posts.description import MOST_ATTRIBUTES, NAME, NAMES
from tracker.providers.call import HOLES, Call, check_call
from tracker.providers.handshake import BadHandshake, Handshake
from tracker.providers.mapping.fields import IN_ANSWERS, IN_NEW_POSTS, IN_WEBHOOKS, documented
from tracker.providers.mapping.paths import parse_path
from tracker.providers.recreation import Recreation
from tracker.providers.schemes import NOTHING, SCHEMES, Published
from tracker.providers.secret_file import SecretFile
from tracker.providers.signature import BadScheme, Scheme
from tracker.providers.signing_keys import WITH_PUBLIC_KEYS
from tracker.providers.spec import ProviderSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tracker.settings import Provider, Settings


IN_AN_ADDRESS = re.compile(r"[A-Za-z0-9._~-]+")


def configured(settings: Settings, name: str, kind: ProviderSpec) -> ProviderSpec:
    """The kind with everything that the operator says; raises Misconfigured."""
    key, provider = f"providers.{name}", settings.providers[name]
    places = IN_WEBHOOKS.keys() | {f"{variant}.{place}" for variant in kind.variants for place in IN_WEBHOOKS}
    _check_paths(settings, f"{key}.fields", provider.fields, places)
    _check_paths(settings, f"{key}.answers", provider.answers, IN_ANSWERS)
    _check_paths(settings, f"{key}.post", provider.post, IN_NEW_POSTS)
    _check_attributes(settings, f"{key}.attributes", provider.attributes)
    _check_calls(settings, f"{key}.calls", provider.calls)
    right = _put_right(settings, name, kind, scheme_of(settings, f"{key}.webhook", kind, provider))
    _check_terms(settings, key, provider, right)
    if right.scheme:
        _check_door(settings, key, provider, right)
        check_secrets(settings, key, provider, right.scheme)
    return right


def _put_right(settings: Settings, name: str, kind: ProviderSpec, scheme: Scheme | None) -> ProviderSpec:
    provider = settings.providers[name]
    webhook, published = provider.webhook, published_of(settings, f"providers.{name}.webhook", provider)
    given = {"unnamed": webhook.event, "about_posts": webhook.about_posts}
    changed: dict[str, Any] = {
        "event_header": webhook.event_header or published.event,
        "post_header": webhook.post_header,
        "handshake": handshake_of(settings, f"providers.{name}.webhook.handshake", provider, scheme),
    }
    changed |= {
        field: value
        for (field, value), setting in zip(given.items(), ("event", "about_posts"), strict=True)
        if setting in webhook.model_fields_set
    }
    if published.delivery:
        changed["delivery"] = documented(published.delivery)
    if "delivery_header" in webhook.model_fields_set:
        changed["delivery"] = documented(webhook.delivery_header)
    if "nothing_asks" in webhook.model_fields_set:
        changed["nothing_asks"] = webhook.nothing_asks
    if provider.auth:
        changed["auth"] = documented(provider.auth)
    if provider.targets:
        changed["form"] = provider.targets
    if provider.answer_targets:
        changed["answer_form"] = provider.answer_targets
    if provider.lists:
        changed["lists"] = documented(provider.lists)
    if provider.answer_lists:
        changed["answer_lists"] = documented(provider.answer_lists)
    if provider.ends is not None:
        changed["ends"] = tuple(event.lower() for event in provider.ends)
    calls = {call: Call(text, documented=True) for call, text in provider.calls.items()}
    events = {event.lower(): state for event, state in provider.events.items()}
    left = {event: state for event, state in (kind.events | events).items() if state}
    return replace(
        kind,
        scheme=scheme,
        documented_statuses={**kind.documented_statuses, **provider.statuses},
        documented_account_states={**kind.documented_account_states, **provider.account_states},
        documented_events=left,
        assumed_events={},
        calls={**kind.calls, **calls},
        **changed,
    )


def _check_door(settings: Settings, key: str, provider: Provider, kind: ProviderSpec) -> None:
    """What is delivered can be read, and what is a secret can stand in an address."""
    moved = {name: documented(path) for name, path in provider.fields.items()}
    told = {name for name, place in {**kind.places, **moved}.items() if place.path}
    if not told & {"post", "posts"} and not kind.post_header:
        raise settings.fault(f"{key}.fields.post", "is required: where does the post's id stand in a webhook?")
    if "event" not in told and not kind.unnamed and not kind.event_header:
        wanted = f"is required: where does the event's name stand? Where it has none, {key}.webhook.event gives it one"
        raise settings.fault(f"{key}.fields.event", wanted)
    if kind.scheme and kind.scheme.form == "path":
        for place, secret in enumerate(provider.webhook_secrets):
            if not IN_AN_ADDRESS.fullmatch(secret.get_secret_value()):
                wanted = "is to be the end of an address: use letters, digits and - . _ ~ alone"
                raise settings.fault(f"{key}.webhook_secrets.{place}", wanted)


def _check_calls(settings: Settings, key: str, calls: Mapping[str, str]) -> None:
    for call, text in calls.items():
        if call not in HOLES:
            raise settings.unknown(f"{key}.{call}", frozenset(HOLES))
        try:
            if text:
                check_call(call, text)
        except ValueError as error:
            raise settings.fault(f"{key}.{call}", str(error)) from error


def _check_terms(settings: Settings, key: str, provider: Provider, kind: ProviderSpec) -> None:
    """What the operator wants can be done with the calls that there are."""
    try:
        Recreation.parse(provider.recreate)
    except ValueError as error:
        raise settings.fault(f"{key}.recreate", str(error)) from error
    there = {name for name, call in kind.calls.items() if call.text}
    if provider.credits_kept and "usage" not in there:
        raise settings.fault(f"{key}.credits_kept", f"nobody tells how many are left: {key}.calls.usage is not set")
    if provider.retry == "create":
        for call in sorted({"get", "create"} - there):
            raise settings.fault(f"{key}.retry", f'"create" asks, and then creates: {key}.calls.{call} is not set')
        if not provider.recreate:
            example = '{ platforms = "platforms.*.platform", content = "content" }'
            raise settings.fault(f"{key}.retry", f'"create" needs the fields of a new post: {key}.recreate = {example}')


def _check_attributes(settings: Settings, key: str, attributes: Mapping[str, str]) -> None:
    if len(attributes) > MOST_ATTRIBUTES:
        raise settings.fault(key, f"has {len(attributes)} attributes: a post has {MOST_ATTRIBUTES} at most")
    for name in attributes:
        if not NAME.fullmatch(name):
            near = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:64]
            hint = f' (did you mean "{near}"?)' if near else ""
            raise settings.fault(f"{key}.{name}", f'"{name}" cannot name an attribute{hint}: use {NAMES}')
        if not attributes[name]:
            raise settings.fault(f"{key}.{name}", 'is empty: where does it stand, as in "data.metadata.campaign"?')
    _check_paths(settings, key, attributes, attributes)


def _check_paths(settings: Settings, key: str, moved: Mapping[str, str], known: Collection[str]) -> None:
    for name, path in moved.items():
        if name not in known:
            raise settings.unknown(f"{key}.{name}", frozenset(known), name)
        try:
            parse_path(path)
        except ValueError as error:
            raise settings.fault(f"{key}.{name}", str(error)) from error


SIGNING = (
    "headers", "form", "prefix", "encoding", "signed", "timestamp_header", "tolerance", "algorithm", "key_encoding",
    "key_prefix", "separator", "timestamp_field", "signature_field", "id_header", "url",
)  # fmt: skip
"""The settings of a webhook that are parts of a scheme."""

UNPUBLISHED = Published(NOTHING)


def published_of(settings: Settings, key: str, provider: Provider) -> Published:
    """What its sender has published; raises Misconfigured for a word that names nothing."""
    word = provider.webhook.scheme
    if word and word not in SCHEMES:
        raise settings.unknown(f"{key}.scheme", frozenset(SCHEMES), word)
    return SCHEMES.get(word, UNPUBLISHED)


def scheme_of(settings: Settings, key: str, kind: ProviderSpec, provider: Provider) -> Scheme | None:
    """The way of signing; a kind without webhooks has one as soon as it is declared. Raises Misconfigured."""
    webhook, published = provider.webhook, published_of(settings, key, provider)
    given = {field: getattr(webhook, field) for field in SIGNING if field in webhook.model_fields_set}
    given |= {"tolerance": webhook.tolerance or None} if "tolerance" in given else {}
    try:
        if webhook.scheme:
            return Scheme(**{**published.signing, **given})
        if not given:
            return kind.scheme
        return replace(kind.scheme, **given) if kind.scheme else Scheme(**({"headers": ()} | given))
    except BadScheme as error:
        raise settings.fault(f"{key}.{error.field}", str(error)) from error


def handshake_of(settings: Settings, key: str, provider: Provider, scheme: Scheme | None) -> Handshake | None:
    """What it asks before it sends anything; raises Misconfigured."""
    said = provider.webhook.handshake
    own = {name: getattr(said, name) for name in said.model_fields_set if name != "token" and getattr(said, name)}
    token = said.token.get_secret_value()
    given: dict[str, Any] = {**published_of(settings, key.rpartition(".")[0], provider).handshake, **own}
    if not own and not token and "token_query" in given:
        return None  # published, and of no use before the operator has made up a token
    if not given and not token:
        return None
    if given.get("signature") and scheme and not _can_sign(scheme):
        raise settings.fault(f"{key}.signature", "needs a webhook that is signed by an HMAC")
    for place in ("event", "challenge"):
        try:
            given[place] = parse_path(given.get(place, ""))
        except ValueError as error:
            raise settings.fault(f"{key}.{place}", str(error)) from error
    try:
        return Handshake(**given, token=token)
    except BadHandshake as error:
        raise settings.fault(f"{key}.{error.field}", str(error)) from error


def check_secrets(settings: Settings, key: str, provider: Provider, scheme: Scheme) -> None:
    """Raise Misconfigured for what can be no secret of this scheme; it is not quoted."""
    for place, secret in enumerate(provider.webhook_secrets):
        _check(settings, f"{key}.webhook_secrets.{place}", scheme, secret.get_secret_value().encode())
    if provider.secret_file:
        for kept in SecretFile(provider.secret_file).secrets:
            _check(settings, f"{key}.secret_file", scheme, kept, "one of its secrets ")


def _check(settings: Settings, key: str, scheme: Scheme, secret: bytes, which: str = "") -> None:
    try:
        scheme.check_secret(secret)
    except ValueError as error:
        raise settings.fault(key, f"{which}{error}") from error


def _can_sign(scheme: Scheme) -> bool:
    return scheme.form in ("plain", "fields") and scheme.algorithm not in WITH_PUBLIC_KEYS
