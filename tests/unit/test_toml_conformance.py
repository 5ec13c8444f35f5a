"""The files of toml-test (TOML 1.0), as rule files and as config.toml: what is TOML is read, what is none is placed."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import pytest

from tracker.errors import Misconfigured
from tracker.rulebook import load_rules
from tracker.settings import load_settings

FILES = json.loads(Path(__file__).with_name("toml_test.json").read_text("utf-8"))
NO_TOML = ("is not TOML", "is not UTF-8", "save it as UTF-8")


def said(folder: Path, content: str) -> dict[str, list[str]]:
    """Every fault of a file, by what it is taken for."""
    (folder / "r.toml").write_bytes(b64decode(content))
    book = load_rules(folder)
    try:
        told = [fault for some in load_settings(folder / "r.toml", {}).left_out.values() for fault in some]
        faults = [str(fault) for fault in told]
    except Misconfigured as error:
        faults = [str(error), *getattr(error, "__notes__", ())]
    return {"rules": [str(fault) for fault in book.faults], "config": faults}


@pytest.mark.parametrize("name", FILES["valid"])
def test_what_is_toml_is_read(tmp_path: Path, name: str) -> None:
    """Its tables may be unknown here; each is then told on one line that can be printed, and where it stands."""
    for faults in said(tmp_path, FILES["valid"][name]).values():
        for fault in faults:
            assert not any(word in fault for word in NO_TOML), fault
            assert fault.isprintable(), fault
            assert fault.startswith(f"{tmp_path}/r.toml:"), fault


@pytest.mark.parametrize("name", FILES["invalid"])
def test_what_is_no_toml_is_refused_where_it_goes_wrong(tmp_path: Path, name: str) -> None:
    """By file, line and column, on one line that can be printed."""
    for fault, *further in said(tmp_path, FILES["invalid"][name]).values():
        place, _, what = fault.removeprefix(f"{tmp_path}/r.toml:").partition(": ")
        assert all(part.isdecimal() for part in place.split(":")), fault
        assert len(place.split(":")) == 2, fault
        assert any(word in what for word in NO_TOML), fault
        assert fault.isprintable(), fault
        assert not further
