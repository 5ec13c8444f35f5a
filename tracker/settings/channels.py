"""The settings of channels: what each kind of them needs to know."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from tracker.settings.values import (
    GivenSecret,
    MailAddress,
    MailAddresses,
    Secrets,
    SecretWebAddress,
    Section,
    WebAddress,
)

STANDARD_PORTS = {"starttls": 587, "implicit": 465, "none": 25}


class LogChannel(Section):
    """[channels.<name>] of kind log."""

    kind: Literal["log"] = Field(description="Writes to our own log.", examples=["log"])


class SlackChannel(Section):
    """[channels.<name>] of kind slack: the address of an incoming webhook, or the token of an app."""

    kind: Literal["slack"] = Field(description="Posts to Slack.", examples=["slack"])
    url: SecretWebAddress = Field(
        default=SecretStr(""),
        description="The address of an incoming webhook; kept secret. Instead of token and channel.",
        examples=["$OPS_SLACK_URL"],
    )
    token: SecretStr = Field(
        default=SecretStr(""),
        description="The bot token of an app with the scope chat:write: resolutions then edit and thread their alert.",
    )
    channel: str = Field(default="", description="With token: the channel's id, as in C0123456789.")
    api_url: WebAddress = Field(default="https://slack.com/api", description="With token: where Slack's API begins.")

    @model_validator(mode="after")
    def _one_of_two(self) -> SlackChannel:
        url, token = bool(self.url.get_secret_value()), bool(self.token.get_secret_value())
        if url is token or bool(self.channel) is not token:
            raise ValueError('a channel of kind "slack" needs a url, or else a token and a channel')
        return self


class EmailChannel(Section):
    """[channels.<name>] of kind email."""

    kind: Literal["email"] = Field(description="Sends e-mail by SMTP.", examples=["email"])
    host: str = Field(description="The mail server.", min_length=1, examples=["smtp.example.com"])
    port: int = Field(default=0, ge=0, le=65535, description="Its port; 0 is the usual one: 587, 465 or 25, by tls.")
    tls: Literal["starttls", "implicit", "none"] = Field(
        default="starttls", description="starttls demands encryption after the greeting, implicit begins with it."
    )
    username: str = Field(default="", description="Who signs in; nobody, where it is empty.", examples=["alerts"])
    password: SecretStr = Field(
        default=SecretStr(""), description="The password of username.", examples=["$SMTP_PASSWORD"]
    )
    sender: MailAddress = Field(
        alias="from", description="Who the message is from.", examples=["tracker <alerts@example.com>"]
    )
    to: MailAddresses = Field(description="Who is told.", min_length=1, examples=[["team@example.com"]])

    @property
    def usual_port(self) -> int:
        """The port to connect to."""
        return self.port or STANDARD_PORTS[self.tls]

    @model_validator(mode="after")
    def _signs_in_safely(self) -> EmailChannel:
        if bool(self.username) is not bool(self.password.get_secret_value()):
            raise ValueError("username and password go together: give both or neither")
        if self.username and self.tls == "none":
            raise ValueError('with tls = "none" the password would travel in clear: use "starttls" or "implicit"')
        return self


class WebhookChannel(Section):
    """[channels.<name>] of kind webhook."""

    kind: Literal["webhook"] = Field(description="Posts the alert as JSON.", examples=["webhook"])
    url: SecretWebAddress = Field(
        description="Where to post; kept secret.", min_length=1, examples=["https://oncall.example.com/alerts"]
    )
    secrets: Secrets = Field(
        default=(),
        description="Secrets that sign it, as Standard Webhooks say; several during a rotation.",
        examples=[["$ONCALL_SECRET"]],
    )


class AppriseChannel(Section):
    """[channels.<name>] of kind apprise."""

    kind: Literal["apprise"] = Field(
        description=(
            "Tells any service that Apprise knows; needs the extra tracker[apprise], and [outbound] allow_unchecked."
        ),
        examples=["apprise"],
    )
    url: GivenSecret = Field(
        description="The service in Apprise's notation; kept secret. [outbound] allow does not hold for it.",
        examples=["$PHONE_APPRISE_URL"],
    )


Channel = Annotated[
    LogChannel | SlackChannel | EmailChannel | WebhookChannel | AppriseChannel, Field(discriminator="kind")
]
"""[channels.<name>]: where alerts go."""
