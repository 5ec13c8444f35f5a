"""What a door has refused and may still take once a secret is put right: the newest for each door, within bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Generic, TypeVar

Item = TypeVar("Item")

LIGHT: Mapping[str, int] = {"signature_missing": 0, "signature_malformed": 1}
"""What makes room first: anybody can leave a signature out, and one that is merely wrong may be that of tomorrow."""

HEAVIEST = 2


def weight_of(reason: str) -> int:
    """How much a refusal weighs: of two, the heavier one is kept, however old it is."""
    return LIGHT.get(reason, HEAVIEST)


class Refusals(Generic[Item]):
    """What waits to be written down, `most` items and `most_bytes` for each door: no door makes room for another."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._doors: dict[str, _Waiting[Item]] = {}

    def __len__(self) -> int:
        return sum(waiting.number for waiting in self._doors.values())

    def add(self, door: str, item: Item, weight: int, size: int) -> None:
        """Remember it; beyond a bound the lightest makes room, and of those the oldest."""
        waiting = self._doors.get(door)
        if waiting is None:
            waiting = self._doors[door] = _Waiting()
        waiting.add(item, weight, size)
        while waiting.number > self._most or waiting.size > self._most_bytes:
            waiting.drop_lightest()

    def take(self, most: int) -> dict[str, list[Item]]:
        """At most so many, shared out evenly among the doors, of each the heaviest first; one for each at least."""
        doors = {door: waiting for door, waiting in self._doors.items() if waiting.number}
        share = max(1, most // len(doors)) if doors else 0
        return {door: waiting.take(share) for door, waiting in doors.items()}


class _Waiting(Generic[Item]):
    """What waits of one door, by its weight, the oldest first."""

    __slots__ = ("_shelves", "number", "size")

    def __init__(self) -> None:
        self._shelves: tuple[deque[tuple[Item, int]], ...] = tuple(deque() for _ in range(HEAVIEST + 1))
        self.number = self.size = 0

    def add(self, item: Item, weight: int, size: int) -> None:
        self._shelves[weight].append((item, size))
        self.number += 1
        self.size += size

    def drop_lightest(self) -> None:
        for shelf in self._shelves:
            if shelf:
                self._pop(shelf)
                return

    def take(self, most: int) -> list[Item]:
        taken: list[Item] = []
        for shelf in reversed(self._shelves):
            while shelf and len(taken) < most:
                taken.append(self._pop(shelf))
        return taken

    def _pop(self, shelf: deque[tuple[Item, int]]) -> Item:
        item, size = shelf.popleft()
        self.number -= 1
        self.size -= size
        return item
