"""The settings of endpoints: where `send` posts, or what it calls there."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from tracker.domain.calls.endpoint_call import BARRED, CallTemplate, check_holes, texts_in
from tracker.settings.values import HeaderName, Secrets, SecretWebAddress, Section


def _call(value: SecretStr) -> SecretStr:
    if text := value.get_secret_value():
        CallTemplate.parse(text)
    return value


def _secret_header(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    check_holes(text)
    if not (text.isascii() and text.isprintable() and text.strip()):
        raise ValueError("is no value of a header: write printable ASCII, on one line")
    return value


def _own_header(name: str) -> str:
    if name in BARRED:
        raise ValueError(f'"{name}" is a header of the connection, and not to be set')
    return name


def _json_with_holes(value: Any) -> Any:
    for text in texts_in(value):
        check_holes(text)
    return value


SettableHeader = Annotated[HeaderName, AfterValidator(_own_header)]
SecretHeader = Annotated[SecretStr, AfterValidator(_secret_header)]
SecretCall = Annotated[SecretStr, AfterValidator(_call)]
JsonWithHoles = Annotated[dict[str, Any], AfterValidator(_json_with_holes)]


class Endpoint(Section):
    """[endpoints.<name>]: where `send` goes, as Standard Webhooks, or as a call of the other system's own."""

    url: SecretWebAddress = Field(
        default=SecretStr(""), description="Where to post.", examples=["https://cms.example.com/hooks/posts"]
    )
    secrets: Secrets = Field(
        default=(),
        description="Secrets that sign it; several during a rotation. A call may do without.",
        examples=[["$CMS_SECRET"]],
    )
    call: SecretCall = Field(
        default=SecretStr(""),
        description="In place of url: method and address, as in DELETE https://blog.example.com/posts/{{ data.id }}.",
    )
    headers: dict[SettableHeader, SecretHeader] = Field(
        default_factory=dict, description="With call: headers by name, with holes; kept secret."
    )
    body: JsonWithHoles = Field(
        default_factory=dict,
        description="With call: the JSON that is sent, with holes. Without it, GET and DELETE send nothing.",
    )
    idempotency_header: SettableHeader = Field(
        default="idempotency-key", description="With call: the header that bears the id, the same at each attempt."
    )

    @field_validator("secrets")
    @classmethod
    def _signs(cls, secrets: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
        if not secrets and (url := info.data.get("url")) and url.get_secret_value():
            raise ValueError("is required: what is posted to a url is signed")
        return secrets

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        url, call = self.url.get_secret_value(), self.call.get_secret_value()
        if bool(url) is bool(call):
            raise ValueError('an endpoint needs a url, or else a call, as in "POST https://cms.example.com/posts"')
        if url and (self.headers or self.body):
            raise ValueError("headers and body go with call, in place of url")
        return self
