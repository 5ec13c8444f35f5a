"""Which of a post's targets a message means: it may name them more fully than the ones before it, or less.

A target is a platform, an account and, where one account posts several things, an item. It keeps the key under which
it was first heard of, so that what waits for it finds it again, and is completed by whoever names it more fully: the
account of one that had none, the platform of one whose platform was unknown, the item. All this follows from the facts
in their order, and so not from the order in which they arrived.

- A word with an account means the target of that account, or else one of its platform that has no account yet.
- Words without an account mean the targets of the platform in their order, where there are as many of both. One that
  could mean several speaks for all of them if they stand alike; otherwise it is left out, with a note. (Ordinals that
  do not count the message's own entries are names.)
- An account's results with different items in one attempt are several targets: the first bears the account's key, the
  others add their item. A word without an item speaks for all of them. A new attempt begins with one again.
- A listing of the whole post withdraws what it leaves out and has not ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tracker.domain.posts.event import RANK, UNKNOWN_PLATFORM, Fact, State, TargetFact
from tracker.domain.posts.target import ENDED, STARTING, TRIED, Target

Known = dict[str, Target]


class Meant(Struct, frozen=True):
    """The keys that a fact speaks for, each with its word.

    `dropped` are items of an attempt that is over, `withdrawn` targets that are listed no longer, and `unclear` says
    which words could mean several.
    """

    words: Sequence[tuple[str, TargetFact]]
    dropped: Iterable[str] = ()
    withdrawn: Sequence[str] = ()
    unclear: Sequence[str] = ()


def meant(known: Known, fact: Fact, words: Sequence[TargetFact]) -> Meant:
    """What the fact's words mean among the targets that are known."""
    if len(words) == len(known) or not known:
        plain = {}
        for word in words:
            key = word.key
            if word.item is None if not known else _plainly(known.get(key), word):
                plain[key] = word
        if len(plain) == len(words):
            return Meant(list(plain.items()))
    return _Reading(known, fact, words).meant()


def restarted(known: Known, fact: Fact, keys: Iterable[str]) -> tuple[list[str], list[str]]:
    """The keys that the whole fact speaks for, where each account that starts again does so as one; and the others."""
    kept: list[str] = []
    dropped: list[str] = []
    for key in keys:
        group = _siblings(known, key)
        if len(group) > 1 and _begins(known, group, fact, fact.state):
            dropped += [other for other in group[1:] if other not in dropped]
            key = group[0]  # noqa: PLW2901  # the account's own key stands for all of it
        if key not in kept:
            kept.append(key)
    return kept, dropped


class _Reading:
    """One message, being read: which keys are `taken` already, and which accounts have been `begun` anew by it."""

    def __init__(self, known: Known, fact: Fact, words: Sequence[TargetFact]) -> None:
        self._known, self._fact = known, fact
        self._heard: dict[int, list[str]] = {}
        self._taken: set[str] = set()
        self._fresh: set[str] = set()
        self._dropped: list[str] = []
        self._unclear: list[str] = []
        self._unsure: set[str] = set()
        self._words = _told_apart(words)

    def meant(self) -> Meant:
        named = [place for place, word in enumerate(self._words) if word.account]
        strangers = [place for place in named if not self._of_account(place)]
        for place in strangers:
            self._completing(place)
        unnamed: dict[str, list[int]] = {}
        for place, word in enumerate(self._words):
            if not word.account:
                unnamed.setdefault(word.platform, []).append(place)
        for platform, places in unnamed.items():
            self._without_account(platform, places)
        words = [(key, word) for place, word in enumerate(self._words) for key in self._heard.get(place, ())]
        return Meant(words, self._dropped, self._left_out() if self._fact.lists_whole else (), self._unclear)

    def _of_account(self, place: int) -> bool:
        """Whether the account is known, or has come up in this very message."""
        word = self._words[place]
        group = [key for key, one in self._known.items() if one.account == word.account and _alike(one, word)]
        if not group:
            return self._another_item(place)
        first = group[0]
        if first not in self._fresh and _begins(self._known, group, self._fact, word.state):
            self._fresh.add(first)
            self._dropped += group[1:]
            self._hear(place, first)
        elif first in self._fresh:
            return self._another_item(place)
        elif word.item is None:
            for key in group if len(group) == 1 else _open(self._known, group, word):
                self._hear(place, key)
            self._taken.update(group)
        else:
            bare = [key for key in group if self._known[key].item is None and key not in self._taken]
            same = [key for key in group if self._known[key].item == word.item] or bare
            self._hear(place, same[0] if same else word.key)
        return True

    def _another_item(self, place: int) -> bool:
        """Whether a word before it was of the same account: it is that one, or another item beside it."""
        word = self._words[place]
        for other in range(place):
            before = self._words[other]
            if before.account == word.account and before.platform == word.platform and other in self._heard:
                same = before.item == word.item or word.item is None
                self._hear(place, self._heard[other][0] if same else word.key)
                return True
        return False

    def _completing(self, place: int) -> None:
        """A word of an account that nobody has named yet."""
        word = self._words[place]
        if self._another_item(place):
            return
        free = [key for key in self._of_platform(word.platform) if self._known[key].account is None]
        alike = [key for key in free if self._known[key].state is word.state]
        found = (alike or free or [replace(word, item=None).key])[0]
        self._hear(place, found)

    def _without_account(self, platform: str, places: Sequence[int]) -> None:
        for place in [place for place in places if self._words[place].item]:
            self._item_without_account(place)
        places = [place for place in places if not self._words[place].item]
        if not places:
            return
        groups = list({_siblings(self._known, key)[0]: None for key in self._of_platform(platform)})
        counted = sorted(self._words[p].ordinal for p in places) == list(range(1, len(places) + 1))
        if counted and len(places) < len(groups):
            self._any_of(groups, places)
            return
        exact = self._as_they_ended(groups, places)
        for place in places:
            own = self._words[place].key
            if place not in exact and own in groups and own not in exact.values():
                exact[place] = own
        rest = iter([key for key in groups if key not in exact.values()] if counted else ())
        for place in places:
            key = exact.get(place) or next(rest, None)
            group = _siblings(self._known, key) if key else []
            if len(group) > 1:
                if _begins(self._known, group, self._fact, self._words[place].state):
                    self._dropped += group[1:]
                    group = group[:1]
                else:
                    self._taken.update(group)
                    group = _open(self._known, group, self._words[place])
            for found in group or [self._free_key(platform, self._words[place].ordinal)]:
                self._hear(place, found)

    def _item_without_account(self, place: int) -> None:
        word, free = self._words[place], self._of_platform(self._words[place].platform)
        same = [key for key in free if self._known[key].item == word.item]
        bare = [key for key in free if self._known[key].item is None and self._known[key].state not in ENDED]
        if not same and len(bare) > 1 and all(self._known[key].account for key in bare):
            self._leave_out(word, bare)
        else:
            self._hear(place, next(iter(same or bare), None) or self._free_key(word.platform, word.ordinal))

    def _as_they_ended(self, groups: Sequence[str], places: Sequence[int]) -> dict[int, str]:
        """Of accounts whose ends are known: a list without names may have another order, and has the same ends."""
        ended = [key for key in groups if self._known[key].account and self._known[key].state in ENDED]
        found: dict[int, str] = {}
        for place in places:
            word = self._words[place]
            alike = [key for key in ended if self._known[key].state is word.state and key not in found.values()]
            if alike:
                found[place] = word.key if word.key in alike else alike[0]
        return found

    def _any_of(self, groups: Sequence[str], places: Sequence[int]) -> None:
        """Fewer words than targets that they may mean."""
        found = [self._known[key] for key in groups]
        self._unsure.update(key for group in groups for key in _siblings(self._known, group))
        stand = {(one.state, one.attempt, one.problem is None) for one in found}
        if len(stand) == 1 and len({(self._words[place].state, self._words[place].problem) for place in places}) == 1:
            for key in groups:
                self._hear(places[0], key)
            return
        self._leave_out(self._words[places[0]], groups)

    def _leave_out(self, word: TargetFact, keys: Sequence[str]) -> None:
        self._unsure.update(keys)
        self._unclear.append(f"{word.platform}: it may mean any of {', '.join(keys)}")

    def _of_platform(self, platform: str) -> list[str]:
        """The targets of the platform that no word of this message has meant yet; the withdrawn only where no other."""
        free = [
            key for key, one in self._known.items() if one.platform == platform and key not in self._taken
            and key not in self._dropped
        ]  # fmt: skip
        return [key for key in free if not self._known[key].withdrawn] or free

    def _free_key(self, platform: str, ordinal: int) -> str:
        while (key := f"{platform}#{ordinal}") in self._known or key in self._taken:
            ordinal += 1
        return key

    def _hear(self, place: int, key: str) -> None:
        self._heard.setdefault(place, []).append(key)
        self._taken.add(key)

    def _left_out(self) -> list[str]:
        """Targets that a listing of the whole post no longer has, where it can know them."""
        fact, along = self._fact, self._fact.order[1]
        return [
            key
            for key, one in self._known.items()
            if key not in self._taken and key not in self._unsure and key not in self._dropped
            and one.state not in ENDED and not one.hears_too_late(fact)
            and (fact.dated or RANK[one.state] <= along)
        ]  # fmt: skip


def _told_apart(words: Sequence[TargetFact]) -> Sequence[TargetFact]:
    """The words, where those of one account in one message are items by their place if they name none."""
    often: Counter[tuple[str, str | None]] = Counter(
        (word.platform, word.account) for word in words if word.account and word.item is None
    )
    if not often or max(often.values()) == 1:
        return words
    seen = Counter[tuple[str, str | None]]()
    apart = []
    for word in words:
        one = (word.platform, word.account)
        if word.item is None and often[one] > 1:
            seen[one] += 1
            word = replace(word, item=str(seen[one]))  # noqa: PLW2901  # the same word, told apart
        apart.append(word)
    return apart


def _plainly(known: Target | None, word: TargetFact) -> bool:
    """Whether the word is as full as what is known under its key."""
    return known is not None and known.account == word.account and known.item == word.item and not known.withdrawn


def _alike(known: Target, word: TargetFact) -> bool:
    return known.platform == word.platform or UNKNOWN_PLATFORM in (known.platform, word.platform)


def _siblings(known: Known, key: str) -> list[str]:
    """The targets of the same account, itself among them, the account's own key first."""
    one = known[key]
    if one.account is None:
        return [key]
    return [other for other, it in known.items() if it.account == one.account and it.platform == one.platform]


def _begins(known: Known, group: Iterable[str], fact: Fact, state: State | None) -> bool:
    """Whether the word begins a new attempt of the account."""
    ended = [known[key] for key in group]
    if fact.attempt is not None:
        return fact.attempt > max(one.attempt for one in ended)
    return state in STARTING and fact.dated and any(one.state in TRIED for one in ended)


def _open(known: Known, group: Iterable[str], word: TargetFact) -> list[str]:
    """The keys of an account's items for which a word without an item speaks: not what an item's own word has ended."""
    if word.state not in TRIED:
        return list(group)
    return [key for key in group if known[key].state not in ENDED or not known[key].named]
