"""The values that settings are written in: sizes, durations, budgets, names, zones, paths and addresses."""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    InstanceOf,
    PlainSerializer,
    SecretStr,
    ValidationInfo,
)

from tracker.domain.duration import format_duration, parse_duration
from tracker.domain.rate import Rate
from tracker.errors import did_you_mean

FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")

CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": ("any", "primary", "read-write"),
}

WITHOUT = "take it out of the address"
MEANINGLESS = {
    "connect_timeout": f"{WITHOUT}: how long a connection may take is no setting",
    "hostaddr": "write the address of the host in its place",
    "fallback_application_name": "write application_name in its place",
    "requiressl": "write sslmode=require in its place",
    "replication": f"{WITHOUT}: what tracker needs is an ordinary connection",
    **dict.fromkeys(
        (
            "channel_binding", "client_encoding", "gssdelegation", "gssencmode", "keepalives", "keepalives_count",
            "keepalives_idle", "keepalives_interval", "load_balance_hosts", "max_protocol_version",
            "min_protocol_version", "oauth_client_id", "oauth_client_secret", "oauth_issuer", "oauth_scope",
            "require_auth", "requirepeer", "scram_client_key", "scram_server_key", "sslcertmode", "sslcompression",
            "sslcrldir", "sslkeylogfile", "sslsni", "tcp_user_timeout",
        ),
        WITHOUT,
    ),
}  # fmt: skip


def check_address(url: str) -> None:
    """Raise ValueError, which quotes nothing that may be secret, for an address that cannot be used as it is."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("must begin with postgresql:// (or be empty, for the embedded Postgres)")
    parts = urlsplit(url)
    for place in parts.netloc.rpartition("@")[2].split(","):
        _check_port("" if place.endswith("]") else place.rpartition(":")[2] if ":" in place else "")
    for word, value in parse_qsl(parts.query, keep_blank_values=True):
        _check(word, value)


def _check_port(port: str) -> None:
    if port and not port.isdecimal():
        raise ValueError("holds a port that is no number; signs such as : / ? # @ in a password are written as %3A …")


def _check(word: str, value: str) -> None:
    if word == "port":
        for port in value.split(","):
            _check_port(port)
    if word in MEANINGLESS:
        raise ValueError(f'holds "{word}", a word of libpq that means nothing here: {MEANINGLESS[word]}')
    if word in CHOICES and value not in CHOICES[word]:
        near, known = did_you_mean(value, CHOICES[word]), ", ".join(CHOICES[word])
        raise ValueError(f'says {word}="{value}", which cannot be used{near}; what can: {known}')
    if word in FILES and not Path(value).is_file():
        here = ", where the driver has no word for the system's own: name their file" if value == "system" else ""
        raise ValueError(f'says {word}="{value}", and there is no such file{here}')


class Section(BaseModel):
    """A table of the file; frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)


SIZE_FORMS = 'a whole number and a unit (B, KiB, MiB, GiB), as in "1MiB" or "512KiB"'

MAIL_ADDRESS = re.compile(
    r"(?:(?P<name>[^<>\"\\@,;:\x00-\x1f\x7f]*[^<>\"\\@,;:\s\x00-\x1f\x7f]) *<)?"
    r"(?P<address>[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)(?(name)>)"
)
"""An address, with or without the name of who it belongs to."""

SHORTEST_SECRET = 32
"""Characters of a secret that only we read."""

FEWEST = 2
"""Calls that a budget must allow within one window."""

_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def parse_size(text: str) -> int:
    """The number of bytes that `text` names; raises ValueError, whose text tells the accepted forms."""
    match = re.fullmatch(r"(\d{1,12}) ?(B|KiB|MiB|GiB)", text.strip(), re.ASCII)
    if not match:
        raise ValueError(f'"{text}" is not a size: write {SIZE_FORMS}')
    return int(match[1]) * _UNITS[match[2]]


def format_size(size: int) -> str:
    """The shortest text that `parse_size` reads as `size` bytes."""
    unit = next((unit for unit in ("GiB", "MiB", "KiB") if size and size % _UNITS[unit] == 0), "B")
    return f"{size // _UNITS[unit]}{unit}"


def _positive(span: timedelta) -> timedelta:
    if span <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return span


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text in quotes")  # noqa: TRY004  (pydantic turns only ValueError into its report)
    return value


def _read_span(value: Any) -> timedelta:
    return value if isinstance(value, timedelta) else parse_duration(_text(value))


def _read_size(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else parse_size(_text(value))


def _read_budget(value: Any) -> Rate:
    return value if isinstance(value, Rate) else Rate.parse(_text(value))


def _read_budgets(value: Any) -> tuple[Rate, ...]:
    """One rate or several, of at least two calls each: whoever acts at a provider asks first, and then tells."""
    parts = split(value)
    rates = tuple(_read_budget(part) for part in (parts if isinstance(parts, list | tuple) else [parts]))
    if not rates:
        raise ValueError('must name a rate, as in "600 per hour", or several')
    for rate in rates:
        if rate.times < FEWEST:
            raise ValueError(f'"{rate}" is one call at a time; a retry takes two, so write it as in "{_doubled(rate)}"')
    return rates


def _doubled(rate: Rate) -> Rate:
    return Rate(rate.times * FEWEST, rate.per * FEWEST)


def _write_budgets(rates: tuple[Rate, ...]) -> str | list[str]:
    return str(rates[0]) if len(rates) == 1 else [str(rate) for rate in rates]


def split(value: Any) -> Any:
    """An environment variable has no lists: there, commas separate."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _network(word: str) -> str:
    try:
        return str(ip_network(word.strip()))
    except ValueError as error:
        raise ValueError(f'"{word}" is no address or network: write 10.0.0.7 or 10.1.0.0/16 ({error})') from error


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ValueError(f'"{name}" is not a time zone{did_you_mean(name, available_timezones())}') from error
    return name


def _beside_config(path: Path, info: ValidationInfo) -> Path:
    """Relative paths start from the folder of the file that names them."""
    folder: Path = (info.context or {}).get("folder", Path())
    return folder / path.expanduser()


def _web_address(value: str) -> str:
    """The value is not quoted in the error, because some services put a secret into the address."""
    try:
        parts = urlsplit(value.strip())
        right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        right = False
    if not right:
        raise ValueError("must be a web address that begins with https:// or http://")
    return value.strip().rstrip("/")


def _secret_web_address(value: SecretStr) -> SecretStr:
    return SecretStr(_web_address(value.get_secret_value())) if value.get_secret_value() else value


def _postgres_url(value: SecretStr) -> SecretStr:
    if url := value.get_secret_value():
        check_address(url)
    return value


def _given(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().strip():
        raise ValueError("is empty: a secret must have a value")
    return value


def _link_secret(value: SecretStr) -> SecretStr:
    if 0 < len(value.get_secret_value()) < SHORTEST_SECRET:
        raise ValueError(f"is too easily guessed: take {SHORTEST_SECRET} characters, as of `openssl rand -hex 32`")
    return value


def _origin(value: str) -> str:
    if value != "*" and not re.fullmatch(r"https?://([a-z0-9._-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?", value):
        raise ValueError(
            f'"{value}" is no origin as browsers write it: scheme, host and port, as in https://tools.example.org'
        )
    return value


def _mail_address(value: str) -> str:
    if not MAIL_ADDRESS.fullmatch(value.strip()):
        raise ValueError(f'"{value}" is not a mail address: write name@example.com or "A name <name@example.com>"')
    return value.strip()


def _header_name(name: str) -> str:
    if name and not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
        raise ValueError(f'"{name}" is not the name of a header')
    return name.lower()


def _header_text(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError(f'"{text}" cannot stand in a header: use letters, digits and signs of ASCII')
    return text.strip()


def _section_name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name):
        raise ValueError(f'"{name}" is not a name: use lower-case letters, digits, - and _, and begin with a letter')
    return name


Span = Annotated[timedelta, BeforeValidator(_read_span), PlainSerializer(format_duration)]
PositiveSpan = Annotated[Span, AfterValidator(_positive)]
Size = Annotated[int, BeforeValidator(_read_size), PlainSerializer(format_size)]
CallBudget = Annotated[InstanceOf[Rate], BeforeValidator(_read_budget), PlainSerializer(str)]
CallBudgets = Annotated[tuple[InstanceOf[Rate], ...], BeforeValidator(_read_budgets), PlainSerializer(_write_budgets)]
Zone = Annotated[str, AfterValidator(_zone)]
LocalPath = Annotated[Path, AfterValidator(_beside_config), PlainSerializer(str)]
PublicUrl = Annotated[str, AfterValidator(lambda address: address and _web_address(address))]
Origin = Annotated[str, AfterValidator(_origin)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
SecretWebAddress = Annotated[SecretStr, AfterValidator(_secret_web_address)]
PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]
GivenSecret = Annotated[SecretStr, AfterValidator(_given)]
LinkSecret = Annotated[SecretStr, AfterValidator(_link_secret)]
Secrets = Annotated[tuple[GivenSecret, ...], BeforeValidator(split)]
Words = Annotated[tuple[str, ...], BeforeValidator(split)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(split)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
MailAddresses = Annotated[tuple[MailAddress, ...], BeforeValidator(split)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderNames = Annotated[tuple[HeaderName, ...], BeforeValidator(split)]
HeaderText = Annotated[str, AfterValidator(_header_text)]
SectionName = Annotated[str, AfterValidator(_section_name)]
