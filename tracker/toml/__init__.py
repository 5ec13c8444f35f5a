"""Files that people write in TOML: opened with care, read within bounds, and pointed at where they are wrong."""

from tracker.toml.opening import decode, read_text
from tracker.toml.parsing import Document, key_text, parse

__all__ = ["Document", "decode", "key_text", "parse", "read_text"]
