"""Ways of signing that senders have published, by one word: what stands in [providers.<name>.webhook] otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

FIVE_MINUTES = timedelta(minutes=5)
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Published:
    """What a sender has published: the parts of a Scheme, the headers with id and event, and its handshake."""

    signing: Mapping[str, Any]
    delivery: str = ""
    event: str = ""
    handshake: Mapping[str, Any] = field(default_factory=dict)


def _in_header(name: str, **more: Any) -> Mapping[str, Any]:
    return {"headers": (name,), **more}


def _standard(sender: str, **more: Any) -> Published:
    """Standard Webhooks, under the names of whoever sends them."""
    signing = _in_header(
        f"{sender}-signature", prefix="v1,", separator=" ", encoding="base64", signed="{id}.{timestamp}.{body}",
        id_header=f"{sender}-id", timestamp_header=f"{sender}-timestamp", tolerance=FIVE_MINUTES,
        key_encoding="base64", key_prefix="whsec_",
    )  # fmt: skip
    return Published({**signing, **more}, delivery=f"{sender}-id")


_HUB = {"query": "hub.challenge", "token_query": "hub.verify_token"}

SCHEMES: Mapping[str, Published] = {
    "standard-webhooks": _standard("webhook"),
    "standard-webhooks-v1a": _standard("webhook", algorithm="ed25519", prefix="v1a,", key_prefix="whpk_"),
    "svix": _standard("svix"),
    "discord": Published(
        _in_header(
            "x-signature-ed25519", algorithm="ed25519", signed="{timestamp}{body}",
            timestamp_header="x-signature-timestamp", tolerance=FIVE_MINUTES,
        )
    ),
    "github": Published(
        _in_header("x-hub-signature-256", prefix="sha256="), delivery="x-github-delivery", event="x-github-event"
    ),
    "hubspot": Published(
        _in_header(
            "x-hubspot-signature-v3", encoding="base64", signed="{method}{url}{body}{timestamp}",
            timestamp_header="x-hubspot-request-timestamp", tolerance=FIVE_MINUTES,
        )
    ),
    "intercom": Published(_in_header("x-hub-signature", prefix="sha1=", algorithm="sha1")),
    "meta": Published(_in_header("x-hub-signature-256", prefix="sha256="), handshake=_HUB),
    "paddle": Published(
        _in_header(
            "paddle-signature", form="fields", separator=";", timestamp_field="ts", signature_field="h1",
            signed="{timestamp}:{body}", tolerance=FIVE_MINUTES,
        )
    ),
    "segment": Published(_in_header("x-signature", algorithm="sha1")),
    "sendgrid": Published(
        _in_header(
            "x-twilio-email-event-webhook-signature", algorithm="ecdsa-p256", encoding="base64",
            signed="{timestamp}{body}", timestamp_header="x-twilio-email-event-webhook-timestamp",
            tolerance=FIVE_MINUTES,
        )
    ),
    "shopify": Published(
        _in_header("x-shopify-hmac-sha256", encoding="base64"), delivery="x-shopify-webhook-id", event="x-shopify-topic"
    ),
    "slack": Published(
        _in_header(
            "x-slack-signature", prefix="v0=", signed="v0:{timestamp}:{body}",
            timestamp_header="x-slack-request-timestamp", tolerance=FIVE_MINUTES,
        ),
        handshake={"event": "type", "name": "url_verification", "challenge": "challenge", "answer": "challenge"},
    ),
    "square": Published(_in_header("x-square-hmacsha256-signature", encoding="base64", signed="{url}{body}")),
    "stripe": Published(
        _in_header("stripe-signature", form="fields", signed="{timestamp}.{body}", tolerance=FIVE_MINUTES)
    ),
    "tiktok": Published(
        _in_header(
            "tiktok-signature", form="fields", signature_field="s", signed="{timestamp}.{body}", tolerance=FIVE_MINUTES
        )
    ),
    "twitch": Published(
        _in_header(
            "twitch-eventsub-message-signature", prefix="sha256=", signed="{id}{timestamp}{body}",
            id_header="twitch-eventsub-message-id", timestamp_header="twitch-eventsub-message-timestamp",
            tolerance=timedelta(minutes=10),
        ),
        delivery="twitch-eventsub-message-id",
        handshake={
            "event": "subscription.status", "name": "webhook_callback_verification_pending", "challenge": "challenge",
        },
    ),
    "vercel": Published(_in_header("x-vercel-signature", algorithm="sha1")),
    "websub": Published(_in_header("x-hub-signature", prefix="sha1=", algorithm="sha1"), handshake=_HUB),
    "zendesk": Published(
        _in_header(
            "x-zendesk-webhook-signature", encoding="base64", signed="{timestamp}{body}",
            timestamp_header="x-zendesk-webhook-signature-timestamp", tolerance=FIVE_MINUTES,
        )
    ),
    "zoom": Published(
        _in_header(
            "x-zm-signature", prefix="v0=", signed="v0:{timestamp}:{body}",
            timestamp_header="x-zm-request-timestamp", tolerance=FIVE_MINUTES,
        ),
        handshake={
            "event": "event", "name": "endpoint.url_validation", "challenge": "payload.plainToken",
            "answer": "plainToken", "signature": "encryptedToken",
        },
    ),
}  # fmt: skip
