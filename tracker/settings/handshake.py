"""The settings of handshakes: what a provider asks before it sends anything, and how it is answered."""

from __future__ import annotations

from pydantic import Field, SecretStr

from tracker.settings.values import Section


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
