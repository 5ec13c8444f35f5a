"""Lists as CSV and as lines of JSON: whatever stands in a text, it stays one cell, and no spreadsheet works it out."""

from __future__ import annotations

import csv
import json
from io import StringIO
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from tracker.queries.tabular import FORMULA, csv_of, ndjson_of


class Inner(Struct):
    code: str
    helps: bool | None = None


class Item(Struct):
    id: str
    number: int = 1
    error: Annotated[Inner | None, Meta(description="Why.")] = None
    urls: list[str] = []
    named: dict[str, str] = {}
    parts: list[Inner] = []


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(StringIO(text, newline="")))


def test_each_field_has_a_column_and_a_struct_one_for_each_of_its_own() -> None:
    item = Item("p1", -2, Inner("late", True), ["https://a", "https://b"], {"owner": "Ada"}, [Inner("x")])
    heading, row, empty = rows(csv_of(Item, [item, Item("p2")]))
    assert heading == ["id", "number", "error.code", "error.helps", "urls", "named", "parts"]
    assert row[:5] == ["p1", "-2", "late", "true", "https://a, https://b"]
    assert (json.loads(row[5]), json.loads(row[6])) == ({"owner": "Ada"}, [{"code": "x", "helps": None}])
    assert empty == ["p2", "1", "", "", "", "{}", ""]
    assert rows(csv_of(Item, [], heading=False)) == []


@pytest.mark.parametrize("begin", FORMULA)
def test_what_could_be_a_formula_is_none(begin: str) -> None:
    item = Item(f"{begin}cmd|' /C calc'!A0", error=Inner(f"{begin}1+1"), urls=[f"{begin}HYPERLINK()", "x"])
    _, row = rows(csv_of(Item, [item]))
    assert [cell[:2] for cell in (row[0], row[2], row[4])] == [f"'{begin}"] * 3


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), max_size=5))
def test_any_text_stays_one_cell(texts: list[str]) -> None:
    read = rows(csv_of(Item, [Item(text) for text in texts], heading=False))
    assert [row[0] for row in read] == [f"'{text}" if text.startswith(FORMULA) else text for text in texts]
    lines = ndjson_of([Item(text) for text in texts]).splitlines()
    assert [json.loads(line)["id"] for line in lines] == texts
