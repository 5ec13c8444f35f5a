"""The address of a Postgres: of libpq's words, those that mean something here, and what to do about the others."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

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
