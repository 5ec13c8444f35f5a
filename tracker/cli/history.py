"""One line for each entry of a post's history."""

from __future__ import annotations

from typing import Any


def told(kind: str, entry: dict[str, Any]) -> str:
    """What an entry of that type says."""
    return _TOLD[kind](entry)


def _fact(entry: dict[str, Any]) -> str:
    marks = [mark for mark in ("late", "conflict") if entry[mark]]
    if repeats := len(entry["repeats"]):
        marks.append(f"repeated {repeats}x")
    if entry["parked"]:
        marks.append(f"parked: {entry['parked']}")
    return " ".join([f"{entry['event']} from {entry['source']}", *(f"({mark})" for mark in marks)])


def _change(entry: dict[str, Any]) -> str:
    moves = [f"{move.get('target') or 'post'}: {_way(move)}" for move in entry["moves"] if not move.get("superseded")]
    return "; ".join([*moves, *(note["text"] for note in entry["notes"])])


def _way(move: dict[str, Any]) -> str:
    if move.get("again"):
        return f"{move.get('after')} once more"
    return f"{move.get('before') or 'new'} → {move.get('after')}"


def _firing(entry: dict[str, Any]) -> str:
    return f"{entry['rule']} {entry['outcome']}" + (f": {entry['detail']}" if entry["detail"] else "")


def _run(entry: dict[str, Any]) -> str:
    return f"{entry['rule']} is {entry['state']}"


def _action(entry: dict[str, Any]) -> str:
    why = f" ({entry['reason']})" if entry["reason"] else ""
    return f"{entry['verb']} {entry['target']} is {entry['state']}{why}"


def _attempt(entry: dict[str, Any]) -> str:
    if not entry["outcome"]:
        return f"{entry['verb']} {entry['target']}, attempt {entry['attempt']}, is under way"
    took = f", {entry['latency_ms']} ms" if entry["latency_ms"] is not None else ""
    return (
        f"{entry['verb']} {entry['target']}, attempt {entry['attempt']}: {entry['outcome']} ({entry['reason']}{took})"
    )


def _move(entry: dict[str, Any]) -> str:
    return f"{entry['rule']}: {entry['said']}" + (f" for {entry['target']}" if entry["target"] else "")


def _silence(entry: dict[str, Any]) -> str:
    return f"silence by {entry['by']} until {entry['until']}: {entry['reason']}"


_TOLD = {
    "fact": _fact, "change": _change, "firing": _firing, "run": _run, "move": _move, "action": _action,
    "attempt": _attempt, "silence": _silence,
}  # fmt: skip
