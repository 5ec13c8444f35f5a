"""Values: dataclasses that the type checker keeps from being changed.

At run time they are plain ones with a hash. A frozen dataclass is made five times as slowly, and the fold makes a
dozen of them for each event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen: bool, slots: bool):
        """The decorator `dataclass`, but frozen only in the eyes of the type checker."""
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["value"]
