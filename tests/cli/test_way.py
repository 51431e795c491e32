"""A command's way through `_cli`, as README tells it: few files, in order, and no other that one has to open."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLI = ROOT / "wan_async" / "_cli"
MOST = 9
SHARED = {"config", "fields", "models", "options", "output", "running", "tasks"}
"""What commands share: what a name of theirs does is told by the name, and none of them leads back to a command."""
ASIDE = {"batch.separated", "batch.reception"}
"""Off the way of a file of JSON lines: tables, and callbacks."""


def ways() -> dict[str, list[str]]:
    """The files that README names, by command, as modules of `_cli`."""
    _, _, told = (ROOT / "README.md").read_text(encoding="utf-8").partition("On the command line, from the shell")
    found = re.findall(r"`wan-async (\w+)`\s+is\s+((?:`_cli/[\w/.]+`[,.]\s+)+)", told)
    return {
        name: [path.replace("/__init__", "").replace("/", ".") for path in re.findall(r"`_cli/([\w/]+)\.py`", paths)]
        for name, paths in found
    }


WAYS = ways()


def path_of(module: str) -> Path:
    path = CLI.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imported(module: str) -> Iterator[str]:
    """The modules of `_cli` that one imports, at its top or in a function."""
    path = path_of(module)
    package = list(path.parent.relative_to(CLI).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and 0 < node.level <= len(package) + 1:
            base = package[: len(package) + 1 - node.level]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (".".join([*base, name]) for name in names)


def reached(*modules: str) -> set[str]:
    """These modules, and whatever they lead to."""
    found: set[str] = set()
    ahead = list(modules)
    while ahead:
        module = ahead.pop()
        if module not in found:
            found.add(module)
            ahead += imported(module)
    return found


def test_there_are_few_modules_with_the_packages_counted_too() -> None:
    assert len(list(CLI.rglob("*.py"))) <= 30


def test_the_ways_are_told() -> None:
    assert WAYS.keys() == {"batch", "run"}


@pytest.mark.parametrize("command", WAYS)
def test_a_way_is_few_files_each_of_which_leads_on(command: str) -> None:
    way = WAYS[command]
    assert len(way) == len(set(way)) <= MOST
    assert way[:3] == ["main", "root", command]
    assert set(way) - {"main"} <= reached("root", command)


@pytest.mark.parametrize("command", WAYS)
def test_nothing_else_has_to_be_opened(command: str) -> None:
    assert reached("main", command) - set(WAYS[command]) <= SHARED | ASIDE


def test_what_commands_share_leads_back_to_none_of_them() -> None:
    assert {module.partition(".")[0] for module in reached(*SHARED)} <= SHARED | {"client", "exits"}
