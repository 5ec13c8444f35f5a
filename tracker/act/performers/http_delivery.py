"""Posting something that may be said again, because its receiver knows it by its id, signed where that is asked."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace
from standardwebhooks import Webhook

from tracker.domain.actions import IS_GONE, Discard, Done, Reason, Retry
from tracker.domain.calls.endpoint_call import CallTemplate, UnfitError, header
from tracker.domain.calls.endpoint_call import body as filled_body
from tracker.outbound.addresses import OutboundError, origin_of
from tracker.outbound.client import Answer, exchange
from tracker.runtime.tracing import traceparent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pydantic import SecretStr

    from tracker.domain.actions import Exchange, Outcome
    from tracker.errors import Misconfigured
    from tracker.outbound.client import Outbound
    from tracker.settings import Endpoint

PREFIX = "whsec_"
SHORTEST_SECRET, HIDDEN = 8, "•••".encode()


def key_of(secret: str) -> bytes:
    """The key in a secret: base64 behind `whsec_`, else the text itself. Raises ValueError."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    encoded = secret.removeprefix(PREFIX)
    try:
        key = binascii.a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True)
    except ValueError as error:
        raise ValueError(f"begins with {PREFIX}, but no base64 follows") from error
    if not key:
        raise ValueError(f"has nothing behind {PREFIX}")
    return key


def signed(message: str, now: datetime, body: bytes, secrets: Sequence[SecretStr]) -> dict[str, str]:
    """The headers for `body`; one signature for each secret, so that a receiver can rotate, and none without."""
    headers = {"webhook-id": message, "webhook-timestamp": str(int(now.timestamp()))}
    keys = [key_of(secret.get_secret_value()) for secret in secrets]
    signatures = " ".join(Webhook(key).sign(message, now, body.decode()) for key in keys)
    return headers | ({"webhook-signature": signatures} if signatures else {}) | traceparent()


HOPELESS = frozenset({Reason.GONE, Reason.BLOCKED, Reason.INTERNAL})
"""Nothing but a change of our configuration helps; for the rest, the other side may be put right meanwhile."""


async def post_json(
    outbound: Outbound,
    url: SecretStr,
    secrets: Sequence[SecretStr],
    message: str,
    content: Mapping[str, object],
    now: datetime,
) -> Outcome:
    """Post `content` once under the id `message`; the record shows of the address only what cannot be secret."""
    address = url.get_secret_value()
    body = msgspec.json.encode(content)
    headers = signed(message, now, body, secrets)
    shown = {"method": "POST", "url": origin_of(address), "webhook-id": message, "body": content}
    hidden = [address, *(secret.get_secret_value() for secret in secrets)]
    return outcome_of(*await post(outbound, address, headers, body, shown, hidden))


async def post(
    outbound: Outbound,
    address: str,
    headers: Mapping[str, str],
    body: bytes,
    shown: Mapping[str, object],
    hidden: Sequence[str],
    method: str = "POST",
) -> tuple[Answer | OutboundError, Exchange]:
    """Send a JSON text, or none, once; the record has `shown` for the request, and nothing `hidden` in the answer.

    Nor has the answer itself, which may be kept, what is long enough to be a secret.
    """
    result: Answer | OutboundError
    try:
        kind = {"content-type": "application/json; charset=utf-8"} if body else {}
        result = await outbound.request(method, address, headers={**kind, **headers}, body=body)
    except OutboundError as error:
        result = error
    record = exchange(shown, result, hidden)
    if isinstance(result, Answer):
        for secret in hidden:
            if len(secret) >= SHORTEST_SECRET and secret.encode() in result.body:
                result = replace(result, body=result.body.replace(secret.encode(), HIDDEN))
    return result, record


async def call(
    outbound: Outbound, endpoint: Endpoint, values: Mapping[str, object], content: Mapping[str, object], now: datetime
) -> Outcome:
    """Make the endpoint's call once, with the holes filled by `values`; without a body of its own it sends `content`.

    The id is in the header for that, and the signature of Standard Webhooks beside it where there are secrets.
    """
    template, message = CallTemplate.parse(endpoint.call.get_secret_value()), str(values["id"])
    without = not endpoint.body and template.method in ("GET", "DELETE")
    try:
        address = template.address(values)
        headers = {name: header(text.get_secret_value(), values) for name, text in endpoint.headers.items()}
        said = filled_body(endpoint.body, values) if endpoint.body else content
    except UnfitError as error:
        return Discard(Reason.REJECTED, f"nothing was sent: {error}")
    body = b"" if without else msgspec.json.encode(said)
    secrets = [secret.get_secret_value() for secret in endpoint.secrets]
    signature = signed(message, now, body, endpoint.secrets) if secrets else traceparent()
    shown = {"method": template.method, "url": template.origin, endpoint.idempotency_header: message}
    result, record = await post(
        outbound, address, {**headers, endpoint.idempotency_header: message, **signature}, body,
        shown if without else {**shown, "body": said}, [address, *headers.values(), *secrets], template.method,
    )  # fmt: skip
    if template.method == "DELETE" and result.reason in IS_GONE:
        return Done("it was not there any more", exchange=record)
    return outcome_of(result, record)


def not_configured(keys: Sequence[str], left_out: Mapping[str, Sequence[Misconfigured]]) -> Discard:
    """Nobody can be told: the addressee is not in the configuration, or is left out of it for its faults.

    `keys` are those under which it could stand there.
    """
    missing = f"neither {' nor '.join(keys)} is" if len(keys) > 1 else f"{keys[0]} is not"
    why = "; ".join(str(fault) for key in keys for fault in left_out.get(key, ()))
    return Discard(Reason.NOT_CONFIGURED, why or f"{missing} in the configuration")


def outcome_of(result: Answer | OutboundError, record: Exchange) -> Outcome:
    """What the answer to a message, or the lack of one, means for the action."""
    if result.reason is Reason.OK:
        return Done(exchange=record, answer=result.body if isinstance(result, Answer) else b"")
    if isinstance(result, Answer):
        detail, after = f"answered {result.status}", result.retry_after
    elif result.accepted:
        return Done(f"accepted, although the answer did not end well: {result.detail}", exchange=record)
    else:
        detail, after = result.detail, None
    if result.reason in HOPELESS:
        return Discard(result.reason, detail, record)
    return Retry(result.reason, after, detail, record)
