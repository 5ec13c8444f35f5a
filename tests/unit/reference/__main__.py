"""Writes every page of docs/reference anew."""

from tests.unit.reference.pages import FOLDER, PAGES, page

for name in PAGES:
    (FOLDER / name).write_text(page(name), encoding="utf-8")
