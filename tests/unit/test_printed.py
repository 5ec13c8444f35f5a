"""What is printed holds nothing that a terminal would obey, whatever strangers have said."""

from __future__ import annotations

import json
import re

import pytest

from tests.contract.naughty import TEXTS
from tracker.cli.output import say, show_json, show_pairs, show_table

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@pytest.mark.parametrize("text", TEXTS)
def test_no_control_character_reaches_the_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(text)
    say(text, aside=True)
    show_table(["id", "said"], [["p1", text], [text, [text]]])
    show_pairs([("said", text)])
    show_json({"said": text, text: [text]})
    show_json({"said": text}, on_one_line=True)
    printed = capsys.readouterr()
    assert not CONTROL.search(printed.out + printed.err)


@pytest.mark.parametrize("text", TEXTS)
def test_json_says_the_same_as_before(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"said": text})
    assert json.loads(capsys.readouterr().out) == {"said": text}


def test_a_table_has_a_line_for_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(["id"], [["line\nline"], ["\x85\u2028"]])
    assert len(capsys.readouterr().out.splitlines()) == 3
