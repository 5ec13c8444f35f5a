"""By what people recognise a post: cut at whole characters, on one line, bounded, and the same in any order."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.conforming import adapter_of, answers_of, logged
from tests.unit.histories import deliveries, fact
from tests.unit.test_fold import arrive_all
from tracker.domain.posts.description import (
    LONGEST_ATTRIBUTE,
    LONGEST_EXCERPT,
    MOST_ATTRIBUTES,
    attributes_of,
    excerpt_of,
    thumbnail_of,
)
from tracker.domain.posts.event import Fact, State
from tracker.domain.posts.post import Post, fold, view
from tracker.errors import Misconfigured
from tracker.facts.own_facts import Wished, created, fact_of
from tracker.providers import build_providers
from tracker.providers.new_post import paired
from tracker.settings import load_settings

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
TURKISH_FLAG = "\U0001f1f9\U0001f1f7"


def test_an_excerpt_is_the_beginning_of_the_text_on_one_line() -> None:
    assert excerpt_of("  Merhaba\r\n\tdünya\x00\x1b[31m \u202eters ") == "Merhaba dünya [31m ters"
    assert excerpt_of("x" * 300) == "x" * LONGEST_EXCERPT
    assert excerpt_of(" \n ") is None


@pytest.mark.parametrize("last", [FAMILY, TURKISH_FLAG, "e\u0301", "\U0001f44d\U0001f3fd"])
@pytest.mark.parametrize("before", range(1, 5))
def test_no_character_is_cut_in_two(last: str, before: int) -> None:
    """What would not fit whole is left out, however many signs it is made of."""
    text = "x" * (LONGEST_EXCERPT - before) + last * 3
    found = excerpt_of(text) or ""
    whole, rest = divmod(len(found) - (LONGEST_EXCERPT - before), len(last))
    assert len(found) <= LONGEST_EXCERPT
    assert (rest, found) == (0, text[: LONGEST_EXCERPT - before] + last * whole)


@given(st.text())
def test_whatever_is_said_an_excerpt_is_short_and_has_no_control_characters(text: str) -> None:
    found = excerpt_of(text)
    assert found is None or len(found) <= LONGEST_EXCERPT
    assert not any(unicodedata.category(sign) == "Cc" for sign in found or "")


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://cdn.example/a.jpg?w=1", True),
        ("HTTP://cdn.example", True),
        ("javascript:alert(1)", False),
        ("data:image/png;base64,AAAA", False),
        ("https://user:secret@cdn.example/a.jpg", False),
        ("https://", False),
        ("https://cdn.example/a b", False),
        ("https://cdn.example/" + "a" * 1000, False),
        ('https://cdn.example/"><script>', False),
        ("//cdn.example/a.jpg", False),
    ],
)
def test_a_thumbnail_is_an_address_of_the_web(address: str, kept: bool) -> None:
    assert thumbnail_of(address) == (address if kept else None)


def test_attributes_are_bounded() -> None:
    many = attributes_of((f"n{number}", "v" * 500) for number in range(50))
    assert len(many) == MOST_ATTRIBUTES
    assert {len(text) for text in many.values()} == {LONGEST_ATTRIBUTE}
    assert attributes_of([("a", " "), ("b\n", "x"), ("", "x"), ("ok", "line\nbreak")]) == {"ok": "line break"}


TELLING: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "excerpt": st.sampled_from(["one", "two", None]),
        "thumbnail": st.sampled_from(["https://a.example", "https://b.example"]),
        "attributes": st.dictionaries(
            st.sampled_from([f"n{number}" for number in range(24)]), st.sampled_from(["x", "y"]), max_size=12
        ),
    },
)


@given(deliveries(), st.data())
def test_it_is_the_same_in_any_order_of_arrival(case: tuple[list[Fact], list[Fact]], data: st.DataObject) -> None:
    """A later fact's value replaces, an absent one keeps; late, repeated and early facts come to the same post."""
    told = {one.id: replace(one, **data.draw(TELLING)) for one in case[0]}
    post, _ = arrive_all([told[one.id] for one in case[1]])
    assert (post or Post("sosyalkopru", "p1")) == fold("sosyalkopru", "p1", told.values()).post
    assert post is None or len(post.attributes) <= MOST_ATTRIBUTES


def test_a_later_value_replaces_and_an_absent_one_keeps() -> None:
    first = fact(1, State.SCHEDULED, excerpt="draft", thumbnail="https://a.example", attributes={"a": "1", "b": "1"})
    later = fact(2, State.PUBLISHED, excerpt="final", attributes={"b": "2"})
    for arrivals in ([first, later], [later, first], [first, later, fact(3, None)]):
        post, _ = arrive_all(arrivals)
        assert post is not None
        assert (post.excerpt, post.thumbnail, post.attributes) == ("final", "https://a.example", {"a": "1", "b": "2"})
        assert (view(post).excerpt, view(post).attributes) == ("final", {"a": "1", "b": "2"})


MAPPED = {"attributes": {
    "campaign": "data.metadata.campaign", "tags": "data.tags", "flag": "data.flag", "first": "data.media.*.kind",
    "either": "data.nothing|data.metadata.owner", "table": "data.metadata",
}}  # fmt: skip
METADATA = {
    "metadata": {"campaign": " bahar ", "owner": 7}, "tags": ["launch", 2, True, {"no": 1}, None], "flag": False,
    "media": [{"kind": "image"}, {"kind": "video"}],
}  # fmt: skip
SAID = {"campaign": "bahar", "tags": "launch, 2, true", "flag": "false", "first": "image, video", "either": "7"}


def test_any_path_becomes_an_attribute_in_webhooks_and_in_answers() -> None:
    """In an answer the way to the post is left out; a list of scalars is joined, a table says nothing."""
    body = {"event": "post.updated", "data": {"postId": "p1", **METADATA}}
    adapter = adapter_of("sosyalkopru", MAPPED)
    (row,) = logged(adapter, "sosyalkopru", json.dumps(body).encode())
    (found,) = adapter.facts(row)
    assert found.attributes == SAID
    report = answers_of("sosyalkopru", MAPPED).report({"data": {"id": "p1", **METADATA}})
    assert report is not None
    assert report.attributes == SAID


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.recursive(st.none() | st.booleans() | NUMBERS | st.text(),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["data", "metadata", "tags", "media", "kind", "campaign", "content", "text"]),
                        inner, max_size=4), max_leaves=15))  # fmt: skip
def test_whatever_stands_there_is_read_or_left_out(inner: Any) -> None:
    adapter = adapter_of("sosyalkopru", MAPPED)
    data = inner if isinstance(inner, dict) else {"tags": inner}
    (row,) = logged(adapter, "sosyalkopru", json.dumps({"event": "post.x", "data": data | {"postId": "p"}}).encode())
    (found,) = adapter.facts(row)
    for text in found.attributes.values():
        assert 0 < len(text) <= LONGEST_ATTRIBUTE
        text.encode()


@pytest.mark.parametrize(
    ("wrong", "key", "words"),
    [
        ("atributes = {}", "atributes", 'did you mean "attributes"?'),
        ("attributes = { 'utm campaign' = 'data.c' }", 'attributes."utm campaign"', 'did you mean "utm_campaign"?'),
        ("attributes = { campaign = 'data..c' }", "attributes.campaign", '"data..c" is not a path'),
        ("attributes = { campaign = '' }", "attributes.campaign", "where does it stand"),
        ("attributes = { campaign = 1 }", "attributes.campaign", "string"),
        (
            f"attributes = {{ {', '.join(f'a{n} = {chr(39)}x{chr(39)}' for n in range(21))} }}",
            "attributes",
            "20 at most",
        ),
        ("account_states = { 'gone' = 'disconected' }", "account_states.gone", 'did you mean "disconnected"?'),
        ("fields = { acount = 'data.id' }", "fields.acount", 'did you mean "account"?'),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, wrong: str, key: str, words: str) -> None:
    """With file, line, key, value and the nearest right word."""
    text = f"[providers.p]\nkind = 'sosyalkopru'\napi_url = 'https://x'\nwebhook_secrets = ['s']\n{wrong}"
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"config\.toml:\d+: ") as told:
        build_providers(load_settings(tmp_path / "config.toml", {}))
    assert (told.value.key, words in told.value.message) == (f"providers.p.{key}", True), told.value


def test_our_own_creation_tells_what_we_asked_for() -> None:
    at = fact(1, None).occurred_at
    wished = Wished((("instagram", "acc_1"), ("x", None)), "Merhaba", at, {"campaign": "bahar"})
    found = fact_of(created("sosyalkopru", "p1", wished, "k", at, at))
    assert [target.key for target in found.targets] == ["instagram:acc_1", "x#1"]
    assert (found.excerpt, found.attributes, found.state) == ("Merhaba", {"campaign": "bahar"}, State.SCHEDULED)


@pytest.mark.parametrize(
    ("platforms", "accounts", "known", "expected"),
    [
        (["x"], [], {}, {("x", None)}),
        (["x"], ["a", "b"], {}, {("x", "a"), ("x", "b")}),
        (["x", "tiktok"], ["a", "b"], {}, {("x", "a"), ("tiktok", "b")}),
        (["x", "tiktok"], ["a", "b"], {"a": "tiktok"}, {("tiktok", "a"), ("x", "b")}),
        (["x", "tiktok"], ["a"], {}, {("x", None), ("tiktok", None)}),
        (["x", "tiktok"], ["a"], {"a": "tiktok"}, {("tiktok", "a"), ("x", None)}),
        (["x", "tiktok"], ["a", "b", "c"], {"a": "x", "b": "x"}, {("x", "a"), ("x", "b"), ("tiktok", "c")}),
        (["x", "tiktok"], ["a", "b"], {"a": "linkedin"}, {("x", "a"), ("tiktok", "b")}),
    ],
)
def test_accounts_are_on_the_platforms_that_are_known_or_in_their_order(
    platforms: list[str], accounts: list[str], known: dict[str, str], expected: set[tuple[str, str | None]]
) -> None:
    assert set(paired(platforms, accounts, known)) == expected
