"""The glossary has a line for each class that one room hands to another, and none for what is not there."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
Where = tuple[str, str]
"""A module and a name in it."""

TREES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(path.read_text("utf-8"))
    for path in sorted((ROOT / "tracker").rglob("*.py"))
}
CLASSES = {
    (module, node.name) for module, tree in TREES.items() for node in tree.body if isinstance(node, ast.ClassDef)
}
ALIASES = {
    (module, target.id)
    for module, tree in TREES.items()
    for node in tree.body
    if isinstance(node, ast.Assign)
    for target in node.targets
    if isinstance(target, ast.Name) and not target.id.isupper()
}
"""Names for types, as in Step = AlertStep | SendStep; they may have a line, but need none."""
IMPORTS = {
    module: {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for module, tree in TREES.items()
}


def room(module: str) -> str:
    """The package of tracker/ that a module is in; those inside the domain count for themselves."""
    _, first, *rest = [*module.split("."), ""]
    return f"domain/{rest[0]}" if first == "domain" and len(rest) > 2 else first


def home(module: str, name: str) -> Where | None:
    """Where the class that a module calls by that name is written down, however often it is imported on."""
    while (module, name) not in CLASSES:
        if name not in IMPORTS.get(module, {}):
            return None
        module, name = IMPORTS[module][name]
    return module, name


def named_in(module: str, annotation: ast.expr) -> Iterator[Where]:
    """The classes of tracker/ in an annotation, by their own names or as `module.Name`."""
    for node in ast.walk(annotation):
        found = None
        if isinstance(node, ast.Name):
            found = home(module, node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found = home(".".join(IMPORTS[module].get(node.value.id, ())), node.attr)
        if found:
            yield found


def signatures(tree: ast.Module) -> Iterator[ast.expr]:
    """Every annotation of the arguments and answers of public functions and of public classes' methods."""
    public = [each for each in tree.body if isinstance(each, ast.ClassDef) and not each.name.startswith("_")]
    for node in [*tree.body, *(part for each in public for part in each.body)]:
        if isinstance(node, FUNCTIONS) and (node.name == "__init__" or not node.name.startswith("_")):
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            yield from (each.annotation for each in every if each and each.annotation)
            yield from [node.returns] if node.returns else []


def handed_over() -> dict[Where, set[str]]:
    """The classes in public signatures of another room than their own, and the modules of those signatures."""
    users: dict[Where, set[str]] = defaultdict(set)
    for module, tree in TREES.items():
        for annotation in signatures(tree):
            for found in named_in(module, annotation):
                if room(found[0]) != room(module):
                    users[found].add(module)
    return users


def lines() -> dict[str, list[str]]:
    """The names that have a line in the part about the code, by the room under which they stand."""
    _, _, code = GLOSSARY.read_text("utf-8").partition("\n## The words of the code\n")
    parts = re.split(r"^### (\S+)$", code, flags=re.MULTILINE)[1:]
    return {
        name: re.findall(r"^- \*\*`(\w+)`\*\* — ", text, re.MULTILINE)
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


def test_each_class_that_one_room_hands_to_another_has_a_line() -> None:
    """Whoever reads a signature finds there what the value is."""
    there, users = lines(), handed_over()
    assert len(users) > 100
    missing = [
        f"{name} ({module.replace('.', '/')}.py) stands in a signature of {min(users[module, name])}: "
        f"add a line **`{name}`** under ### {room(module)} in docs/glossary.md"
        for module, name in sorted(users)
        if name not in there.get(room(module), ())
    ]
    assert not missing, "\n".join(missing)


def test_each_line_is_about_what_there_is() -> None:
    """A class that was renamed takes its line along."""
    known = {(room(module), name) for module, name in CLASSES | ALIASES}
    gone = [
        f"{where}: tracker/{where} has no class {name}: rename its line in docs/glossary.md, or take it out"
        for where, names in lines().items()
        for name in names
        if (where, name) not in known
    ]
    assert not gone, "\n".join(gone)


def test_rooms_and_names_stand_in_the_order_of_the_alphabet() -> None:
    """Once each, so that a word is found where one looks."""
    there = lines()
    assert list(there) == sorted(there)
    for names in there.values():
        assert names == sorted(set(names))
