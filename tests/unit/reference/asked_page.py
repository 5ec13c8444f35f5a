"""docs/rules-people-ask-for.md: each file of the folder of that name, and what cannot be said."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.unit.provider_page import rows

FOLDER = Path(__file__).parents[3] / "docs" / "rules-people-ask-for"
FILES = sorted(FOLDER.glob("*.toml"))
TITLE = "Rules that people ask for"
NOT_SAID: Mapping[str, str] = {}
"""What is asked for, with its number, and why it cannot be said."""

_BEGIN = f"""\
What users of alert managers, workflow engines, uptime monitors and publishing tools ask for in public, and how it is
said here. Each is a whole file with its tests: copy it, and write your channels, accounts and hours in it. With these
channels and endpoints in the configuration, this plays them all:

```sh
tracker rules test --dir docs/{FOLDER.name}
```
"""
_IN_EVERY_RULE = {"on", "do", "branch", "title", "body", "event", "data"}


def made() -> str:
    """The table, what cannot be said, and each file."""
    table = rows(("what is asked for", "said with", "played by"), [_row(path) for path in FILES])
    missing = rows(("what cannot be said", "why"), list(NOT_SAID.items())) + "\n\n" if NOT_SAID else ""
    return f"{_BEGIN}\n{table}\n\n{missing}" + "\n\n".join(_section(path) for path in FILES)


def _row(path: Path) -> tuple[str, str, str]:
    head, tables = _head(path), _tables(path)
    anchor = re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")
    keys = ", ".join(f"`{key}`" for key in dict.fromkeys(_keys(tables)))
    shown = "; ".join(test["name"] for test in tables["test"])
    return f"[{head}](#{anchor})", keys, f"[{shown}]({FOLDER.name}/{path.name})"


def _section(path: Path) -> str:
    """The file without its first line, and the templates that it names."""
    text = path.read_text(encoding="utf-8")
    _, _, rules = text.partition("\n\n")
    blocks = [f"```toml\n{rules}```"]
    for name in re.findall(r'template = "(.*?)"', text):
        template = (FOLDER / "templates" / name).read_text(encoding="utf-8")
        blocks.append(f"`templates/{name}`:\n\n```jinja\n{template}```")
    return "\n\n".join([f"## {_head(path)}", *blocks])


def _head(path: Path) -> str:
    """The wish as the file's first line says it, with the number with which its name begins."""
    wish = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return f"{int(path.name.partition('-')[0])}. {wish}"


def _tables(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _keys(tables: Mapping[str, Any]) -> Iterator[str]:
    """The keys that say it: of the rules, and of their steps."""
    for rule in tables["rule"].values():
        sequences = [rule["do"], *rule.get("branch", {}).values()]
        every = [*rule, *(key for steps in sequences for step in steps for key in step)]
        yield from (key for key in every if key not in _IN_EVERY_RULE)
    yield from (name for name in ("table", "defaults", "workflow") if name in tables)
