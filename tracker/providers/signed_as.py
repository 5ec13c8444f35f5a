"""How an operator says that a provider signs and greets, turned into schemes, and every mistake in it told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tracker.providers.handshake import BadHandshake, Handshake
from tracker.providers.mapping.paths import parse_path
from tracker.providers.schemes import NOTHING, SCHEMES, Published
from tracker.providers.secret_file import SecretFile
from tracker.providers.signature import BadScheme, Scheme
from tracker.providers.signing_keys import WITH_PUBLIC_KEYS

if TYPE_CHECKING:
    from tracker.providers.spec import ProviderSpec
    from tracker.settings import Provider, Settings

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
