"""Which fault comes when: drawn from a seed, so that a run can be had again."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault: in which scene it can happen, how often beside others, and how many seconds it lasts.

    `through`: the service must go on while it lasts. `alone`: what is broken must first be known to
    be broken, and no other fault comes before it is well again.
    """

    name: str
    scene: str
    weight: int = 1
    shortest: float = 0.0
    longest: float = 0.0
    through: bool = False
    alone: bool = False


EMBEDDED, REMOTE, CLOCK, NIGHT, STANDBY, DISK = "embedded", "remote", "clock", "night", "standby", "disk"

KINDS = (
    Kind("kill-service", EMBEDDED, 8, 0.0, 0.5),
    Kind("kill-postmaster", EMBEDDED, 8),
    Kind("kill-child", EMBEDDED, 10),
    Kind("kill-both", EMBEDDED, 6, 0.0, 0.5),
    Kind("kill-recovery", EMBEDDED, 1, alone=True),
    Kind("hang-postgres", EMBEDDED, 1, alone=True),
    Kind("freeze-service", EMBEDDED, 6, 0.3, 3.0),
    Kind("freeze-postgres", EMBEDDED, 6, 0.3, 3.0),
    Kind("restart", EMBEDDED, 5),
    Kind("broken-rules", EMBEDDED, 4, 0.2, 0.5, through=True),
    Kind("restart-on-broken-rules", EMBEDDED, 2, through=True),
    Kind("cut", REMOTE, 10),
    Kind("half-open", REMOTE, 3),
    Kind("swallow", REMOTE, 3, 0.5, 4.0),
    Kind("slow", REMOTE, 6, 0.5, 2.0),
    Kind("answers-lost", REMOTE, 12, 0.1, 0.6),
    Kind("refuse", REMOTE, 6, 0.3, 2.0),
    Kind("terminate-backends", REMOTE, 8),
    Kind("open-transaction", REMOTE, 4, 0.5, 2.0, through=True),
    Kind("lock-log", REMOTE, 6, 0.5, 2.5),
    Kind("read-only", REMOTE, 5, 0.3, 1.5),
    Kind("kill-remote-postmaster", REMOTE, 6),
    Kind("second-service-killed", REMOTE, 3, 0.2, 1.0),
    Kind("second-service-leaves", REMOTE, 3, 0.2, 1.0),
    Kind("forged-flood", REMOTE, 3, 0.3, 1.0, through=True),
    Kind("endless-header", REMOTE, 2, 0.5, 1.5, through=True),
    Kind("half-headers", REMOTE, 2, 0.3, 1.0, through=True),
    Kind("half-bodies", REMOTE, 2, 0.3, 1.0, through=True),
    Kind("descriptors", REMOTE, 2, 0.3, 1.0, through=True),
    Kind("clock-ahead", CLOCK, 1, 0.5, 1.5),
    Kind("clock-behind", CLOCK, 1, 0.5, 1.5),
    Kind("autumn-night", NIGHT, 1, through=True),
    Kind("failover", STANDBY, 1),
    Kind("disk-full", DISK, 1),
)
BY_NAME = {kind.name: kind for kind in KINDS}

COMMON = (EMBEDDED, REMOTE)
RARE = {CLOCK: 50, STANDBY: 60, NIGHT: 250, DISK: 250}
"""In so many faults there is one of that scene."""
LONGEST_ACT = {CLOCK: 10, STANDBY: 5, NIGHT: 1, DISK: 1}
USUAL_ACT = 50
HURRIED = 0.15
"""So often the next fault comes before it is known that all goes on."""


@dataclass(frozen=True, slots=True)
class Step:
    """One fault: after `pause` seconds; `seed` is for what chance decides within it."""

    number: int
    kind: Kind
    pause: float
    hold: float
    hurried: bool
    seed: int


@dataclass(frozen=True, slots=True)
class Act:
    """Faults of one scene, one after another."""

    number: int
    scene: str
    steps: Sequence[Step]


def draw(seed: int, faults: int, only: Collection[str] = ()) -> Sequence[Act]:
    """So many faults, or at least one for each kind that is asked for, in acts; the same for the same arguments."""
    chance = random.Random(seed)
    kinds = [BY_NAME[name] for name in only] if only else list(KINDS)
    chosen = _chosen(chance, kinds, max(faults, len(only)), rare=not only)
    scenes: dict[str, list[Kind]] = defaultdict(list)
    for kind in chosen:
        scenes[kind.scene].append(kind)
    acts = [(scene, part) for scene, those in scenes.items() for part in _parts(those, LONGEST_ACT.get(scene))]
    chance.shuffle(acts)
    number = iter(range(1, len(chosen) + 1))
    return tuple(
        Act(n, scene, tuple(_step(chance, next(number), kind) for kind in part))
        for n, (scene, part) in enumerate(acts, 1)
    )


def _chosen(chance: random.Random, kinds: Sequence[Kind], faults: int, *, rare: bool) -> list[Kind]:
    """Each once where there is room for all, then by weight; the costly scenes are rationed unless asked for."""
    ration = [kind for kind in kinds for _ in range(_share(faults, kind, kinds))] if rare else []
    common = [kind for kind in kinds if not rare or kind.scene in COMMON]
    each = list(common) if faults - len(ration) >= len(common) else []
    left = max(faults - len(ration) - len(each), 0)
    more = chance.choices(common, [kind.weight for kind in common], k=left)
    chosen = ration + each + more
    chance.shuffle(chosen)
    return chosen


def _share(faults: int, kind: Kind, kinds: Iterable[Kind]) -> int:
    if kind.scene not in RARE:
        return 0
    return round(faults / RARE[kind.scene] / sum(other.scene == kind.scene for other in kinds))


def _parts(kinds: list[Kind], longest: int | None) -> list[list[Kind]]:
    size = longest or USUAL_ACT
    return [kinds[start : start + size] for start in range(0, len(kinds), size)]


def _step(chance: random.Random, number: int, kind: Kind) -> Step:
    return Step(
        number=number,
        kind=kind,
        pause=chance.uniform(0.0, 0.6),
        hold=chance.uniform(kind.shortest, kind.longest),
        hurried=chance.random() < HURRIED and not kind.through and not kind.alone and kind.scene in COMMON,
        seed=chance.randrange(2**32),
    )
