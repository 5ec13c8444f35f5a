"""The settings of providers: whom they speak for, how their webhooks are signed, and what is to be put right."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from tracker.domain.accounts import AccountState
from tracker.domain.posts.event import State
from tracker.domain.rate import Rate
from tracker.errors import did_you_mean
from tracker.settings.values import (
    CallBudgets,
    HeaderName,
    HeaderNames,
    HeaderText,
    LocalPath,
    Secrets,
    Section,
    Span,
    WebAddress,
    Words,
    Zone,
)


def _flat(value: Any) -> Any:
    """Tables within a table of places are the places of a variant, by "variant.place"."""
    if not isinstance(value, dict):
        return value
    flat: dict[str, Any] = {}
    for name, inner in value.items():
        flat |= {f"{name}.{place}": path for place, path in inner.items()} if isinstance(inner, dict) else {name: inner}
    return flat


def _one_of(states: type[StrEnum], what: str, none: str) -> BeforeValidator:
    """Reads a state, or nothing; `none` says that there may be nothing."""

    def read(value: Any) -> Any:
        if value in ("", None):
            return None
        if value not in list(states):
            near = did_you_mean(str(value), list(states))
            raise ValueError(f'"{value}" is not {what}{near}; known: {", ".join(states)}, and ""{none}')
        return states(value)

    return BeforeValidator(read)


def _web_address(text: str) -> str:
    if text and not text.startswith(("https://", "http://")):
        raise ValueError("must be a web address that begins with https:// or http://")
    return text


def _auth(text: str) -> str:
    name, colon, value = text.partition(": ")
    if text and not (name.strip() and colon and "{key}" in value):
        raise ValueError('must be a header with the key in it, as in "Authorization: Bearer {key}"')
    return text


Paths = Annotated[dict[str, str], BeforeValidator(_flat)]
Meaning = Annotated[State | None, _one_of(State, "a state", " for none")]
AccountMeaning = Annotated[AccountState | None, _one_of(AccountState, "a state of an account", "")]
Form = Literal["list", "map", "one"]
Lists = Literal["whole", "part"]


class Handshake(Section):
    """[providers.<name>.webhook.handshake]: a GET with a challenge, or a signed delivery that holds one."""

    query: str = Field(default="", description='In a GET: the parameter with the challenge, as in "hub.challenge".')
    token_query: str = Field(default="", description='The parameter with the token, as in "hub.verify_token".')
    token: SecretStr = Field(default=SecretStr(""), description="What that token must be: you make it up, and tell it.")
    event: str = Field(default="", description="In a delivery: where the name of the question stands.")
    name: str = Field(default="", description='What it is called, as in "url_verification".')
    challenge: str = Field(default="", description="Where the challenge stands in it.")
    answer: str = Field(default="", description="Under which name it is answered; by its text alone, if not named.")
    signature: str = Field(default="", description="Under which name its HMAC in hex is answered too.")


class Webhook(Section):
    """[providers.<name>.webhook]: how its deliveries are signed and named, where its kind does not say, or is wrong."""

    scheme: str = Field(
        default="", description="A published way of signing, by one word; what else stands here goes over it."
    )
    headers: HeaderNames = Field(
        default=(), description="The header of the signature; several, where it signs twice during a rotation.",
        examples=[["X-SosyalKopru-Signature"]],
    )  # fmt: skip
    form: Literal["plain", "fields", "shared", "path"] = Field(
        default="plain",
        description="The header is the signature; or t=…,v1=…; or the secret itself; or the secret ends the address.",
    )
    prefix: str = Field(default="", description="What stands before the signature.", examples=["sha256="])
    encoding: Literal["hex", "base64", "either"] = Field(default="hex", description="How the signature is written.")
    signed: str = Field(
        default="{body}",
        description="What is signed, made of {body}, {timestamp}, {id}, {url}, {path} and {method}.",
    )
    timestamp_header: HeaderName = Field(default="", description="The header of a time that is signed.")
    id_header: HeaderName = Field(default="", description="The header of an id that is signed.")
    url: Annotated[str, AfterValidator(_web_address)] = Field(
        default="", description="The address that is signed, as the sender has it."
    )
    algorithm: Literal["sha256", "sha1", "sha512", "ed25519", "ecdsa-p256"] = Field(
        default="sha256", description="An HMAC of that hash; or a signature whose public keys are the secrets."
    )
    key_encoding: Literal["text", "base64", "hex"] = Field(
        default="text", description="How the key of an HMAC is written in its secret."
    )
    key_prefix: str = Field(default="", description='What stands before a secret, as in "whsec_".')
    separator: str = Field(
        default="", description="What stands between several signatures in a header, or between its fields (a comma)."
    )
    timestamp_field: str = Field(default="t", description="The field of the time, for form fields.")
    signature_field: str = Field(default="v1", description="The field of a signature, for form fields.")
    tolerance: Span = Field(
        default=timedelta(0), description="How far such a time may be from ours; 0s does not ask.", examples=["0s"]
    )
    delivery_header: HeaderName = Field(
        default="", description="The header of the delivery's id, if it has one.", examples=["X-SosyalKopru-Delivery"]
    )
    event_header: HeaderName = Field(
        default="", description="The header of the event's name, where the body does not tell it."
    )
    post_header: HeaderName = Field(
        default="", description="The header of the post's id, where the body does not tell it."
    )
    event: str = Field(default="", description="What an event is called that bears no name.")
    about_posts: Words = Field(
        default=("post.",), description="How the names of events begin that must name a post; others name none."
    )
    nothing_asks: bool = Field(
        default=False, description="Whether an empty delivery, as [] or {}, has it asked soon, at most once a minute."
    )
    handshake: Handshake = Field(
        default=Handshake(), description="What it asks before it sends anything, and how that is answered."
    )


class Provider(Section):
    """[providers.<name>]: who tells us about posts, at /webhooks/<name>."""

    kind: str = Field(description="Which provider's language it speaks.", examples=["sosyalkopru"])
    api_url: WebAddress = Field(description="Where its API begins.", examples=["https://api.sosyalkopru.com/v1"])
    api_key: SecretStr = Field(
        default=SecretStr(""),
        description="The key for its API: without one, nothing is retried.",
        examples=["$SOSYALKOPRU_API_KEY"],
    )
    webhook_secrets: Secrets = Field(
        default=(), description="Secrets that sign its webhooks; several during a rotation.",
        examples=[["$SOSYALKOPRU_WEBHOOK_SECRET"]],
    )  # fmt: skip
    secret_file: LocalPath | None = Field(
        default=None,
        description="A file with more of them, where `tracker webhooks register` keeps each new one.",
        examples=["sosyalkopru.secrets"],
    )
    timezone: Zone = Field(default="UTC", description="The zone of times that name none.", examples=["Europe/Istanbul"])
    quiet_after: Span = Field(
        default=timedelta(0),
        description="Without any webhook for so long it counts as silent; 0s goes by the rhythm it has shown.",
        examples=["0s"],
    )
    budget: CallBudgets = Field(
        default=(Rate(600, timedelta(hours=1)),),
        description='Calls that we may make to its API; all rates of a list hold: ["100 per 15m", "250 per day"].',
        examples=["600 in 1h"],
    )  # fmt: skip
    credits_kept: int = Field(
        default=0, ge=0, description="At so many credits or fewer it is called for rules and people alone; 0: no limit."
    )
    webhook: Webhook = Field(default=Webhook(), description="How its webhooks are signed, if not as its kind says.")
    fields: Paths = Field(
        default={}, description="Where a value stands in the body, if not at the place that the kind assumes.",
        examples=[{"error_code": "data.error.code"}],
    )  # fmt: skip
    targets: Form | None = Field(
        default=None, description="How a body tells of targets: a list, a map by platform, or one with each event.",
        examples=["list"],
    )  # fmt: skip
    lists: Lists | None = Field(
        default=None, description="Whether the targets in a body are all that the post has, or a part.",
        examples=["whole"],
    )  # fmt: skip
    answers: Paths = Field(
        default={}, description="The same for answers of its API: where the post stands, and what stands in it.",
        examples=[{"items": "data.posts"}],
    )  # fmt: skip
    answer_targets: Form | None = Field(default=None, description="How an answer of its API does.", examples=["list"])
    answer_lists: Lists | None = Field(default=None, description="Whether those in an answer are.", examples=["whole"])
    post: dict[str, str] = Field(
        default={}, description="The same for the call that creates a post: where each part of the new post stands.",
        examples=[{"scheduled_at": "scheduling.scheduledAt"}],
    )  # fmt: skip
    statuses: dict[str, Meaning] = Field(
        default={}, description='Its words for a state, beside those that the kind knows; "" is no news of the post.',
        examples=[{"LIVE": "published"}],
    )  # fmt: skip
    events: dict[str, Meaning] = Field(
        default={}, description="The same for names of events, which count where a status tells nothing.",
        examples=[{"post.live": "published"}],
    )  # fmt: skip
    ends: Words | None = Field(
        default=None, description="Events that come only at an end of the post, though their names do not say which.",
        examples=[["post.finished"]],
    )  # fmt: skip
    account_states: dict[str, AccountMeaning] = Field(
        default={}, description="What an account's status, or else the name of an event about it, says of the account.",
        examples=[{"account.lost": "disconnected"}],
    )  # fmt: skip
    attributes: dict[str, str] = Field(
        default={}, description="What a post is to be found by: a name for each, and where its value stands.",
        examples=[{"campaign": "data.metadata.campaign"}],
    )  # fmt: skip
    auth: Annotated[str, AfterValidator(_auth)] = Field(
        default="", description="The header that carries the key, if not as its kind says.",
        examples=["Authorization: Bearer {key}"],
    )  # fmt: skip
    headers: dict[HeaderName, HeaderText] = Field(
        default={}, description="Other headers that go with every call.", examples=[{"X-Tenant": "acme"}]
    )
    workspace: HeaderText = Field(
        default="",
        description="The workspace, team or organization whose posts these are, where its calls want to be told.",
    )
    calls: dict[str, str] = Field(
        default={}, description="Calls of its API that are not documented; an empty text means that there is none.",
        examples=[{"retry": "POST /posts/{post}/retry"}],
    )  # fmt: skip
    retry: Literal["call", "create", "never"] = Field(
        default="call", description="How a failed post is tried again: by its call, by creating it anew, or not at all."
    )
    recreate: dict[str, str] = Field(
        default={}, description="For create: the fields of the new post, and where they stand in the failed one.",
        examples=[{"platforms": "platforms.*.platform", "content": "content"}],
    )  # fmt: skip
    create_honours_key: bool = Field(
        default=False,
        description="Whether a post that is created twice under one Idempotency-Key is there once, as its guide says.",
    )
