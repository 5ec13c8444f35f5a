"""The address of a Postgres: what cannot be used is named with what to do, and nothing secret is quoted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tracker.settings.values import MEANINGLESS, check_address

HERE = Path(__file__)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://tracker:a%2Fb@db.example.com/tracker",
        "postgres://db.example.com:5432",
        "postgresql://tracker@[2001:db8::1]:5432/tracker",
        "postgresql://tracker@[2001:db8::1]/tracker",
        "postgresql://a:5432,b:5433,c/tracker?target_session_attrs=read-write",
        "postgresql://postgres:x@/postgres?host=/run/postgresql&port=5432",
        "postgresql://%2Frun%2Fpostgresql:5432/tracker",
        "postgresql://db/tracker?application_name=tracker&options=-c%20lock_timeout%3D5s&lock_timeout=5s",
        f"postgresql://db/tracker?sslmode=verify-full&sslrootcert={HERE}",
        "postgresql://db/tracker?sslmode=require&passfile=/x&service=x&krbsrvname=postgres",
    ],
)
def test_what_the_driver_and_the_server_know_passes(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("mysql://x", "must begin with postgresql://"),
        ("postgresql://u:hidden/x@db/tracker", "holds a port that is no number; signs such as"),
        ("postgresql://u:hidden@a:5432,b:x/tracker", "holds a port that is no number"),
        ("postgresql:///tracker?host=a,b&port=1,x", "holds a port that is no number"),
        ("postgresql://u:hidden@db/t?sslmode=verify", 'sslmode="verify", which cannot be used (did you mean "verify-'),
        ("postgresql://db/t?sslmode=verify-full&sslrootcert=system", "no such file, where the driver has no word for"),
        ("postgresql://db/t?sslcert=/nowhere.pem", 'sslcert="/nowhere.pem", and there is no such file'),
        ("postgresql://a,b/t?target_session_attrs=standby", "what can: any, primary, read-write"),
        ("postgresql://a,b/t?target_session_attrs=", "what can: any, primary, read-write"),
        *((f"postgresql://u:hidden@db/t?{word}=1", f'"{word}", a word of libpq that means') for word in MEANINGLESS),
    ],
)
def test_what_they_do_not_know_is_named(address: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)) as told:
        check_address(address)
    assert "hidden" not in str(told.value)
    assert "\n" not in str(told.value)
