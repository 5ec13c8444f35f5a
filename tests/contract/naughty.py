"""Texts that trip programs up, and bodies that are hardly any: made here, but for those of the suite beside."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

SUITE = Path(__file__).parent / "data" / "json_test_suite.json"

TEXTS = [
    "", " ", "\t", "undefined", "null", "NaN", "-0", "1e400", "9" * 500, "0x7f000001", "true", "\\", "'", '"', "`",
    "' or 1=1 --", "'; drop table events; --", "$1", "%s%n", "{0}", "{{ 7 * 7 }}", "${7*7}", "<%= 7 %>", "{% raw %}",
    "../../etc/passwd", "/", "//", ".", "..", "a/b", "a%2fb", "%00", "%", "?a=b", "#", "con", "nul", "__proto__",
    "constructor", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)", "]]>", "<!--",
    "&lt;b&gt;", "&#0;", "<svg onload=alert(1)>", "\x01\x02\x1b[2J\x07\x08", "\x7f\x80\x9b31m", "\x85\u2028\u2029",
    "\u202eevil", "\u2066x\u2069", "\ufeffbom", "\ufffe\uffff\ufdd0", "a\u0301\u0302" * 40, "\u200b\u200d\u2060",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0010ffff", "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "\u65e5\u672c\u8a9e", "\u0130stanbul \u0131 \u011f", "\ufb01", "\u1e9e\u00df", "\u212a", "\r\nSet-Cookie: a=b",
    "line\nline", "a" * 255, "@everyone", "<!channel>", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "${jndi:ldap://x}",
    "eval(x)", "() { :; }; echo", "file:///etc/passwd", "\N{RIGHT-TO-LEFT OVERRIDE}<b>", "\N{NEXT LINE}",
]  # fmt: skip

BODIES = {
    "nothing": b"",
    "blank": b" \n\t ",
    "deep": b"[" * 30_000,
    "deep and whole": b"[" * 900 + b"]" * 900,
    "deep and wide": b"[" * 300 + b"1," * 3000 + b"1" + b"]" * 300,
    "deep objects": b'{"a":' * 20_000,
    "not UTF-8": b'{"event": "\xff\xfe\xc3("}',
    "UTF-16": '{"event": "post.published"}'.encode("utf-16"),
    "zeros": b"\x00" * 5000,
    "a zero in JSON": b'{"event": "a\x00b"}',
    "an escaped zero": b'{"event": "a\\u0000b"}',
    "control characters": bytes(range(32)) + b"\x7f" + "\x80\x9b".encode(),
    "every byte": bytes(range(256)) * 8,
    "huge": b'{"event": "' + b"a" * 900_000 + b'"}',
    "a huge number": b"[1" + b"0" * 20_000 + b"]",
    "half a character": b'["\\ud800"]',
    "noncharacters": '["\ufffe\uffff\ufdd0"]'.encode(),
    "markup": b"<script>alert(1)</script>",
    "twice the same name": b'{"event": "a", "event": "b"}',
    "a string": b'"event"',
    "a cut string": b'{"event": "' + "ğ".encode() * 8192,
}


def suite() -> dict[str, bytes]:
    """The texts of JSONTestSuite, by their names."""
    found: dict[str, bytes] = {}
    for name, kept in json.loads(SUITE.read_text(encoding="utf-8"))["texts"].items():
        unit, times, rest = kept if isinstance(kept, list) else (kept, 1, "")
        found[name] = b64decode(unit) * times + b64decode(rest)
    return found
