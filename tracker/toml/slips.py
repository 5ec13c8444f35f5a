"""What is meant by a text that is no TOML, and what to write instead: the usual slips, by what stands there."""

from __future__ import annotations

import re
from collections.abc import Callable

CURLY = "".join(map(chr, (0x201C, 0x201D, 0x201E, 0x2018, 0x2019, 0x201A)))
"""The quotes of word processors and telephones."""

_WORD = re.compile(r"[^\s,#\]}=]+")
_KEY = re.compile(r"\s*([\w.\"'-]+)\s*=")
_HEADER = re.compile(r"^\s*\[([^\[\]\n]+)\]", re.MULTILINE)
_TWICE = re.compile(r"Cannot declare \((.*)\) twice")
_FLAGS = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}


def instead(message: str, text: str, offset: int) -> str:
    """What to write where the reader of TOML says `message` of that place; empty where nobody knows."""
    begin = text.rfind("\n", 0, offset) + 1
    before, rest = text[begin:offset], text[offset : (text.find("\n", offset) + 1 or len(text) + 1) - 1]
    told = next((tell for start, tell in _TOLD.items() if message.startswith(start)), None)
    return told(text[:offset], before, rest) if told else ""


def named_twice(message: str, text: str, offset: int) -> tuple[str, int] | None:
    """What stands twice, and where it does so; None where that is not what is wrong."""
    if found := _TWICE.match(message):
        name = ".".join(part.strip(" '\"") for part in found[1].split(",") if part.strip())
        lines = (text.count("\n", 0, one.start(1)) + 1 for one in _HEADER.finditer(text) if one[1].strip() == name)
        first = next(lines, None)
        where = f" (first in line {first})" if first else ""
        return f"[{name}] stands twice{where}: give one of the two another name", offset
    if message.startswith("Cannot overwrite a value"):
        begin = text.rfind("\n", 0, offset) + 1
        key = _KEY.match(text, begin)
        if key:
            return f"the key {key[1]} stands twice in this table: remove one of the two", key.start(1)
    return None


def _value(_above: str, _before: str, rest: str) -> str:
    word = _WORD.match(rest)
    if rest[:1] and rest[0] in CURLY:
        return f"a curly quote is no quote: write {_quoted(rest.strip(CURLY + ' '))}, as a plain editor does"
    if word is None:
        return 'write one "=", and then the value' if rest.strip() else 'nothing stands after "="'
    if meant := _FLAGS.get(word[0].lower()):
        return f"write {meant}, in small letters"
    if word[0] in ("None", "null", "nil"):
        return "leave the key out where it has no value"
    return f"write a text in quotes: {_quoted(rest.partition('#')[0].rstrip(' ,'))}"


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'


def _key_part(above: str, before: str, rest: str) -> str:
    if rest[:1] not in ("", "}", "#") or before.lstrip().startswith("["):
        return "a name of other letters than a–z, 0–9, - and _ stands in quotes" if rest[:1].isalpha() else ""
    headers = _HEADER.findall(above)
    keys = [found[1] for line in above.split("\n") if (found := re.match(r"([\w-]+)\s*=\s*\[", line))]
    table = f"[[{f'{headers[-1]}.' if headers else ''}{keys[-1]}]]" if keys else "a table of its own"
    return f"{{ … }} stands on one line, with no comma at its end: join the lines, or write {table}, a key on each line"


def _statement(_above: str, before: str, rest: str) -> str:
    value = before.partition("=")[2].strip()
    if value[:1].isdigit() or value[:1] == "-":
        word = _WORD.match(rest)
        return f"write a text in quotes: {_quoted(value + (word[0] if word else ''))}"
    if rest.startswith(","):
        return "no comma stands after a value outside of brackets"
    if value[:1] in ("'", '"') and rest.strip():
        other = "'" if value[0] == '"' else '"'
        return f"the second {value[0]} ends the text: write {other} around it, as in when = 'error.code == \"spam\"'"
    return "one key and its value stand on a line"


def _declaration(_above: str, before: str, rest: str) -> str:
    if rest[:1].isalpha():
        name = re.split(r"[\].]", before.rpartition(".")[2] + rest)[0]
        return f'a name of other letters than a–z, 0–9, - and _ stands in quotes: "{name}"'
    return 'a "]" is missing'


def _line(_above: str, _before: str, rest: str) -> str:
    if rest.startswith("\ufeff"):
        return "a byte order mark stands there: save the file as UTF-8 without it"
    if rest.startswith(("//", ";", "--")):
        return "a remark begins with #"
    return "a line is key = value, [table] or # a remark"


def _missing_comma(_above: str, _before: str, rest: str) -> str:
    return f'a comma is missing before "{rest[:20].strip()}"' if rest.strip() else "close it on the same line"


def _open_list(_above: str, _before: str, rest: str) -> str:
    return "a comma is missing before it" if rest.strip() else 'a "]" is missing'


def _no_equals(_above: str, _before: str, rest: str) -> str:
    return 'write "=" in place of ":"' if rest.startswith(":") else "a line is key = value, [table] or # a remark"


_TOLD: dict[str, Callable[[str, str, str], str]] = {
    "Invalid value": _value,
    "Invalid initial character for a key part": _key_part,
    "Unclosed inline table": _missing_comma,
    "Unclosed array": _open_list,
    "Expected newline or end of document": _statement,
    "Expected ']' at the end": _declaration,
    "Expected '=' after a key": _no_equals,
    'Expected "\'"': lambda *_: "a quote is never closed",
    "Expected '\"'": lambda *_: "a quote is never closed",
    "Illegal character '\\n'": lambda *_: 'a text of several lines stands between """ and """',
    "Unescaped '\\'": lambda *_: "write \\\\, or put the text between ' and '",
    "Invalid statement": _line,
}
