"""What is written is read back as the same code and values, and each language words every code."""

from __future__ import annotations

from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.dashboard.language import LANGUAGES, TEXTS
from tracker.domain.sentences import MOMENTS, SENTENCES, read_sentence, sentence

NUMBERS = frozenset({"count", "whole", "least", "tries", "most"})
WORD = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
MOMENT = st.datetimes().map(lambda at: f"{at:%m-%d %H:%M:%S} UTC").map("2026-{}".format)


@st.composite
def said(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    code = draw(st.sampled_from(sorted(SENTENCES)))
    names = {name for _, name, _, _ in Formatter().parse(SENTENCES[code]) if name}
    kinds = {
        name: MOMENT if name in MOMENTS else st.integers(0, 999).map(str) if name in NUMBERS else WORD for name in names
    }
    return code, {name: draw(kind) for name, kind in sorted(kinds.items())}


@given(said())
def test_what_is_written_is_read_back(told: tuple[str, dict[str, Any]]) -> None:
    code, values = told
    text = sentence(code, **values)
    read = read_sentence(text)
    assert read is not None
    assert sentence(read[0], **read[1]) == text
    assert read == told or read[0] != code


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_sentence_is_worded(code: str) -> None:
    assert {name for name in SENTENCES if f"sentence.{name}" not in TEXTS[code].texts} == set()


@pytest.mark.parametrize(
    ("text", "worded"),
    [
        ("paused by burst until 2026-11-30 14:14:45 UTC", "burst</bdi></a> tarafından <time"),
        ("15 of 21 within 10m", "10m</bdi> içinde 15 / 21"),
        (
            "step 1, holding: all 3 tries are used up; at step 0: x",
            "1. adım, bitmesini bekliyor · 3 denemenin",
        ),
        ("exhausted", "denemeler tükendi"),
        ("cancelled: by hand", "iptal edildi · elle"),
        ("<b>never said</b>", "&lt;b&gt;never said&lt;/b&gt;"),
    ],
)
def test_a_page_in_turkish_says_it_in_turkish(text: str, worded: str) -> None:
    assert worded in TEXTS["tr"].sentence(text)
