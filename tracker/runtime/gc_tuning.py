"""Garbage in circles: looked for seldom, because facts, posts and changes are many and form none."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SELDOM = 10_000, 50, 1000
"""A look at the youngest takes as long as they are many, and nobody is answered meanwhile: requests of the API make
circles, and a hundred thousand of their parts took a quarter of a second. So that look is often and short, and only
those at what has lived on are seldom."""


@contextmanager
def collected_seldom() -> Iterator[None]:
    """What is there now is never looked at again, and what is made in the block only now and then."""
    before, inside_another = gc.get_threshold(), gc.get_freeze_count() > 0
    if not inside_another:
        gc.freeze()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if not inside_another:
            gc.unfreeze()
