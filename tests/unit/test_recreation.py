"""Posts created anew: what a new one is made of, and settings that cannot work, which are named at the start."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tracker.domain.posts.event import Draft
from tracker.domain.rate import Rate
from tracker.errors import Misconfigured
from tracker.providers import build_providers
from tracker.providers.recreation import Recreation
from tracker.settings import load_settings

POST = {
    "content": {"text": "hello", "media": [{"id": "m1"}, {"id": "m2"}]},
    "platforms": [{"platform": "x", "account": {"id": 1}}, {"platform": "tiktok", "account": {"id": 2}}],
    "empty": [], "half": [{"id": "a"}, {}], "no": False,
}  # fmt: skip
HEAD = "[providers.a]\nkind = 'sosyalkopru'\napi_url = 'https://x.example'\n"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"content": "content"}, {"content": POST["content"]}),
        ({"text": "content.text"}, {"text": "hello"}),
        ({"content.text": "content.text", "content.n": "no"}, {"content": {"text": "hello", "n": False}}),
        ({"platforms": "platforms.*.platform"}, {"platforms": ["x", "tiktok"]}),
        ({"accountIds": "platforms.*.account.id"}, {"accountIds": [1, 2]}),
        ({"media": "content.media.*"}, {"media": POST["content"]["media"]}),  # type: ignore[index]  # it is a table
    ],
)
def test_each_field_is_taken_from_its_place(fields: dict[str, str], body: dict[str, Any]) -> None:
    assert Recreation.parse(fields).of(POST) == Draft(body)


@pytest.mark.parametrize("path", ["text", "content.text.x", "empty", "half.*.id", "content.*.id", "platforms.platform"])
def test_a_post_of_which_a_part_would_be_missing_is_not_made(path: str) -> None:
    assert Recreation.parse({"content": "content", "x": path}).of(POST) == Draft({}, path)


@pytest.mark.parametrize("answer", [None, [], "x", 5])
def test_whatever_is_answered_raises_nothing(answer: object) -> None:
    assert Recreation.parse({"a": "b"}).of(answer).missing == "b"


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        ("retry = 'create'", "retry", 'recreate = { platforms = "platforms.*'),
        ("retry = 'create'\nrecreate = { a = 'b' }\ncalls = { get = '' }", "retry", "providers.a.calls.get is not set"),
        ("retry = 'create'\nrecreate = { a = 'b' }\ncalls = { create = '' }", "retry", "calls.create is not set"),
        ("recreate = { a = 'b..c' }", "recreate", '"b..c" is not a path'),
        ("recreate = { 'a..b' = 'c' }", "recreate", '"a..b" is not a path'),
        ("recreate = { a = 'b', 'a.c' = 'd' }", "recreate", '"a.c" stands within "a"'),
        ("credits_kept = 5\ncalls = { usage = '' }", "credits_kept", "calls.usage is not set"),
    ],
)
def test_what_cannot_work_is_told_at_the_start(tmp_path: Path, lines: str, key: str, words: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(HEAD + lines)
    with pytest.raises(Misconfigured, match=r"config\.toml:4") as told:
        build_providers(load_settings(path, {}))
    assert f"providers.a.{key}" in str(told.value)
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("budget = ['100 per 15m', '250 per day']", {}),
        ("", {"TRACKER_PROVIDERS__A__BUDGET": "100 per 15m, 250 in 24h"}),
    ],
)
def test_a_budget_may_be_of_several_rates(tmp_path: Path, text: str, environment: dict[str, str]) -> None:
    path = tmp_path / "config.toml"
    path.write_text(HEAD + text)
    budget = load_settings(path, environment).providers["a"].budget
    assert budget == (Rate(100, timedelta(minutes=15)), Rate(250, timedelta(days=1)))
