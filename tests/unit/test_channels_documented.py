"""docs/channels.md: each of its examples is a configuration, and every kind has one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from tracker.settings import Channel, load_settings

PAGE = Path(__file__).parents[2] / "docs" / "channels.md"
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
KINDS = {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(get_args(Channel)[0])}


def environ(example: str) -> dict[str, str]:
    """A value for each variable that the example names."""
    return {
        name: "ntfy://x" if "APPRISE" in name else "https://x.example" for name in re.findall(r'env = "(\w+)"', example)
    }


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_loads(tmp_path: Path, example: str) -> None:
    (tmp_path / "config.toml").write_text(example)
    (channel,) = load_settings(tmp_path / "config.toml", environ(example)).channels.values()
    assert channel.kind in example


def test_every_kind_has_an_example() -> None:
    assert {kind for kind in KINDS if any(f'"{kind}"' in example for example in EXAMPLES)} == KINDS
