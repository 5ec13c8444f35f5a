"""Calls of a provider's API as text: what is filled in, what is left out, and what is no call."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.providers.call import Call, Filled, check_call

GRAPHQL = json.dumps({"query": "query { posts { id } }", "variables": {"first": "{limit}", "after": "{cursor}"}})


def test_what_is_filled_with_nothing_is_left_out_of_the_query_and_of_the_body() -> None:
    call = Call("GET /posts?from={since}&cursor={cursor}&limit={limit}", documented=True)
    assert call.fill(since="", cursor="a&b", limit="9") == Filled("GET", "/posts?cursor=a%26b&limit=9")
    call = Call(f"POST / {GRAPHQL}", documented=True)
    assert call.fill(cursor="", limit="9").body["variables"] == {"first": 9}
    assert call.fill(cursor="c", limit="9").body["variables"] == {"first": 9, "after": "c"}
    assert call.holes == {"limit", "cursor"}


@given(st.text())
def test_whatever_is_filled_in_stays_where_it_belongs(text: str) -> None:
    """In one step of the path, and in one text of the body."""
    body = Call('PUT /a/{post}/b {"id": ["{post}"], "note": "of {post}"}', documented=True).fill(post=text)
    assert body.path.count("/") == 3
    assert "?" not in body.path
    assert body.body == ({"id": [text], "note": f"of {text}"} if text else {"id": [], "note": "of "})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("get", "GET posts/{post}", "write a method and a path"),
        ("get", "GET /posts", "it must name the post"),
        ("get", 'POST / {"id": "post"}', "it must name the post"),
        ("get", 'POST / {"id": {post}}', "what follows the path must be JSON"),
        ("get", "GET /posts/{pots}/{post}", "has the hole {pots}; this call can fill {post}, {workspace}"),
        ("get", 'POST / {"id": "{post}", "q": "{pots}"}', "has the hole {pots}"),
        ("usage", "GET /usage/{}", "has the hole {}; this call can fill {workspace}"),
    ],
)
def test_what_is_no_call_is_refused(name: str, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        check_call(name, text)


def test_what_may_be_filled_in_may_be_left_out_as_well() -> None:
    check_call("list", "GET /{workspace}/posts")
    check_call("list", f"POST / {GRAPHQL}")
    check_call("retry", 'PUT /post/retry {"id": "{post}"}')
