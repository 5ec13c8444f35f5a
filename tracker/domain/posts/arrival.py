"""Facts come in: the post with them, and the change of each, which holds only moves that were not known before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

from msgspec.structs import asdict, replace

from tracker.domain.accounts import Account, accounts_of, merged
from tracker.domain.posts.change import FIELDS, Change, Move, Note, note
from tracker.domain.posts.event import Fact
from tracker.domain.posts.late_facts import History, not_known
from tracker.domain.posts.post import Post, evolve, steps, view


def stands_last(post: Post | None, fact: Fact) -> bool:
    """Whether the fact can be applied without the post's earlier facts."""
    last = post and post.last_order
    return not last or fact.occurred_at > last[0] or fact.order > last


def is_one_late(post: Post | None, facts: Sequence[Fact]) -> bool:
    """Whether one of these facts, which come in this order, stands before one that had come."""
    last = post.last_order if post else None
    for fact in facts:
        if fact.is_silent:
            continue
        if last and fact.order <= last:
            return True
        last = fact.order
    return False


def arrive(
    post: Post | None, fact: Fact, earlier: Sequence[Fact] = (), start: Post | None = None
) -> tuple[Post, Change]:
    """One fact has come in."""
    after, changes = arrive_together(post, [fact], earlier, start)
    return after, changes[0]


def arrive_together(
    post: Post | None, facts: Sequence[Fact], earlier: Sequence[Fact] = (), start: Post | None = None
) -> tuple[Post, list[Change]]:
    """Facts of one post have come in, in this order; there is at least one.

    `earlier` are the facts behind `post`; they are needed only when a fact does not stand last. `start` is the
    baseline of facts that are no longer kept.
    """
    after = post or start or Post(facts[0].provider, facts[0].post or "")
    changes: list[Change] = []
    for place, fact in enumerate(facts):
        if fact.is_silent:
            changes.append(_heard(fact, after))
            continue
        if not stands_last(after, fact):
            return _with_late(after, changes, facts, place, earlier, start)
        step = evolve(after, fact)
        kind = "moved" if step.moves else "noted"
        changes.append(_change(fact, kind, after, step.post, step.moves, step.notes))
        after = step.post
    return after, changes


def _with_late(
    after: Post, changes: list[Change], facts: Sequence[Fact], first: int, earlier: Sequence[Fact], start: Post | None
) -> tuple[Post, list[Change]]:
    """The rest of the facts, from the `first` late one on."""
    begin = start or Post(after.provider, after.id)
    history = History(begin, [*earlier, *facts[:first]])
    for place, fact in enumerate(facts[first:], first):
        if history.is_weary:
            after, rest = _folded_together(after, facts[place:], [*earlier, *facts[:place]], begin)
            return after, [*changes, *rest]
        if fact.is_silent:
            changes.append(_heard(fact, after))
            continue
        if not history.holds(fact):
            changes.append(_too_old(fact, after))
            continue
        late, moves, notes = history.put(fact)
        kind = "revised" if late else "moved" if moves else "noted"
        changes.append(_change(fact, kind, after, history.post, moves, notes))
        after = history.post
    return history.settled(), changes


def _folded_together(
    before: Post, facts: Sequence[Fact], earlier: Sequence[Fact], begin: Post
) -> tuple[Post, list[Change]]:
    """Facts, some of them late, that are folded at once with those behind the post.

    Each change sees the post as it is after the last in order of the facts that had come by then, whatever of the
    others belongs before that.
    """
    known, folded = steps(earlier, begin), steps([*earlier, *facts], begin)
    places = {fact.id: place for place, (fact, _) in enumerate(folded)}
    came = {fact.id: 0 for fact, _ in known}
    for number, fact in enumerate(facts, 1):
        came.setdefault(fact.id, number)
    moves = _by_arrival(
        [move for _, step in known for move in step.moves], [move for _, step in folded for move in step.moves], came
    )
    post, changes = before, []
    last = max((places[fact.id] for fact, _ in known), default=-1)
    for number, fact in enumerate(facts, 1):
        if fact.is_silent:
            changes.append(_heard(fact, post))
            continue
        place = places.get(fact.id)
        if place is None:
            changes.append(_too_old(fact, post))
            continue
        kind = "revised" if place <= last else "moved" if moves[number] else "noted"
        last = max(last, place)
        after = folded[last][1].post
        changes.append(_change(fact, kind, post, after, tuple(moves[number]), folded[place][1].notes))
        post = after
    return post, changes


def _by_arrival(before: Sequence[Move], now: Sequence[Move], came: dict[str, int]) -> dict[int, list[Move]]:
    """The new moves by the number of the fact that made or revealed them.

    Those after which the same thing had moved on when that fact came are superseded.
    """
    new = not_known(before, now)
    found: dict[int, list[Move]] = defaultdict(list)
    moved_on: dict[str | None, int] = {}
    for move in reversed(now):
        number = came[move.by]
        if move.cause in new:
            shown = number or 1
            late = moved_on.get(move.target, shown + 1) <= shown
            found[shown].append(replace(move, superseded=True) if late else move)
        moved_on[move.target] = min(number, moved_on.get(move.target, number))
    return defaultdict(list, {number: moves[::-1] for number, moves in found.items()})


def _heard(fact: Fact, post: Post) -> Change:
    return _change(fact, "noted", post, post, (), ())


def _too_old(fact: Fact, post: Post) -> Change:
    told = note(fact, "before_kept_history", "older than what the log still keeps of this post")
    return _change(fact, "revised", post, post, (), (told,))


def _change(
    fact: Fact, kind: str, before: Post, after: Post, moves: tuple[Move, ...], notes: tuple[Note, ...]
) -> Change:
    return Change(
        fact.provider, fact.post, fact.event, fact.source, kind, before.state if before.version else None, after.state,
        after.attempt, fact.occurred_at, fact.received_at, fact.position, fact.id, moves, notes,
        context=view(after),
        detail=dict(fact.detail) if fact.detail else None,
        fields=_changed(before, after, moves),
    )  # fmt: skip


def _changed(before: Post, after: Post, moves: tuple[Move, ...]) -> tuple[str, ...]:
    """Which of FIELDS are other than before."""
    changed = (
        any(not move.again for move in moves),
        before.scheduled_at != after.scheduled_at,
        before.excerpt != after.excerpt,
        before.targets is not after.targets and _urls(before) != _urls(after),
        before.labels != after.labels,
        before.attributes != after.attributes,
    )
    return tuple(compress(FIELDS, changed))


def _urls(post: Post) -> set[str]:
    return {part.url for part in post.parts if part.url}


def about_no_post(fact: Fact) -> Change:
    """A change that changes no post; the account that it is about, if any, stands in its detail."""
    account = {"account": asdict(fact.account)} if fact.account else {}
    return Change(
        provider=fact.provider,
        post=None,
        event=fact.event,
        source=fact.source,
        kind="noted",
        before=None,
        after=None,
        attempt=0,
        occurred_at=fact.occurred_at,
        received_at=fact.received_at,
        cause=fact.position,
        fact=fact.id,
        detail=dict(fact.detail) | account or None,
        account=next(accounts_of(fact), None) if fact.account and fact.account.id else None,
    )


def with_accounts(changes: Iterable[Change], known: dict[tuple[str, str], Account]) -> Iterator[Change]:
    """The changes, each with its account as all up to it tell of that; `known` is what was told before, and grows."""
    for change in changes:
        if change.account:
            key = (change.provider, change.account.id)
            known[key] = merged(known[key], change.account) if key in known else change.account
            yield replace(change, account=known[key])
        else:
            yield change
