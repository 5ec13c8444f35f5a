"""Rule files from elsewhere: another folder, or the same one as git has it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.errors import Misconfigured

if TYPE_CHECKING:
    from tracker.rulebook import Rulebook
    from tracker.settings import Settings


def read_against(settings: Settings, place: str) -> Rulebook:
    """The rules of the folder `place`, or, if there is none, of the configured folder at the git ref `place`.

    Raises Misconfigured where it is neither.
    """
    from tracker.rulebook.configured import read_rules  # noqa: PLC0415  (takes half a second)

    if Path(place).is_dir():
        return read_rules(settings, Path(place))
    with tempfile.TemporaryDirectory(prefix="tracker-rules-") as folder:
        _check_out(settings.rules.dir, place, Path(folder))
        return read_rules(settings, Path(folder))


def _check_out(rules: Path, ref: str, folder: Path) -> None:
    """Write what git has of the folder `rules` at `ref`."""
    if ref.startswith("-"):
        raise Misconfigured(f'"{ref}" is neither a folder nor a git ref', key="--against")
    names = _git(rules, "ls-tree", "-r", "-z", "--name-only", ref, "--", ".").split(b"\0")
    for name in filter(None, (name.decode() for name in names)):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_git(rules, "show", f"{ref}:./{name}"))


def _git(folder: Path, *words: str) -> bytes:
    git = shutil.which("git")
    if git is None:
        raise Misconfigured("git is not installed: name a folder", key="--against")
    ended = subprocess.run([git, "-C", str(folder), *words], capture_output=True, check=False)
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip().partition("\n")[0].removeprefix("fatal: ")
        raise Misconfigured(f"neither a folder nor a git ref of {folder}: {said}", key="--against")
    return ended.stdout
