"""What the house promises of itself: sizes, one version of each tool, a reason beside each rule that is not applied."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "wan_async").rglob("*.py"))
LONGEST_MODULE = 300
LONGEST_FUNCTION = 40
LONGEST_TEST = 400
LEAST_TESTS = 1.1
"""Lines of tests to a line of code."""
MOST_AT_THE_TOP = 16
NO_BEGINNING = re.compile(r'"""(What|Who|Whose|Where|How|When|Which)\b.*')


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


@pytest.mark.parametrize("module", MODULES, ids=names(MODULES))
def test_no_module_and_no_function_is_long(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_MODULE
    assert [name for name, lines in bodies(ast.parse(text)) if lines > LONGEST_FUNCTION] == []


def test_no_module_of_tests_is_long() -> None:
    modules = sorted((ROOT / "tests").rglob("*.py"))
    assert [name for name, path in zip(names(modules), modules, strict=True) if lines_of(path) > LONGEST_TEST] == []


def test_there_is_more_of_tests_than_of_what_they_test() -> None:
    tests = sum(map(lines_of, (ROOT / "tests").rglob("*.py")))
    assert tests >= LEAST_TESTS * sum(map(lines_of, MODULES))


def test_the_folders_of_tests_are_called_like_the_packages() -> None:
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/__init__.py")}
    assert folders - {path.stem.removeprefix("_") for path in (ROOT / "wan_async").iterdir()} == set()


def lines_of(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def bodies(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Each function's name, and the lines of its body without the docstring."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1


def test_the_top_shows_the_layers_at_a_glance() -> None:
    assert len(list((ROOT / "wan_async").glob("*.py"))) <= MOST_AT_THE_TOP


@pytest.mark.parametrize("module", MODULES, ids=names(MODULES))
def test_docstrings_begin_with_a_noun_or_a_verb(module: Path) -> None:
    assert [found.group() for found in NO_BEGINNING.finditer(module.read_text(encoding="utf-8"))] == []


OWN_WORDS = re.compile(r"\b(told|lookers?|agenda|diary|crew|rivals?)\b|\(seen\)", re.IGNORECASE)
"""Given, reported, poller, poll queue, task set, conflict and observed are the field's."""
SOURCES = [path for path in (ROOT / "wan_async").rglob("*") if path.suffix in {".py", ".js", ".sql", ".lua", ".jinja"}]
SPOKEN = sorted([*SOURCES, ROOT / "README.md", ROOT / "CHANGELOG.md"])


@pytest.mark.parametrize("path", SPOKEN, ids=names(SPOKEN))
def test_the_fields_words_are_used(path: Path) -> None:
    assert [found.group() for found in OWN_WORDS.finditer(path.read_text(encoding="utf-8"))] == []


PACKAGES = sorted([*(ROOT / "wan_async").glob("_*/**/__init__.py"), ROOT / "wan_async" / "emulator" / "__init__.py"])


@pytest.mark.parametrize("package", PACKAGES, ids=names(PACKAGES))
def test_a_package_says_what_each_of_its_modules_is_for(package: Path) -> None:
    words = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or ""
    modules = {path.stem for path in package.parent.glob("*.py")} - {"__init__"}
    assert [module for module in sorted(modules) if not re.search(rf"\b{module}`", words)] == []


def test_each_class_has_a_name_of_its_own() -> None:
    """One word, one thing: only the sync door has the names of what it opens."""
    homes: dict[str, list[str]] = {}
    for module in MODULES:
        for name in public_kinds(ast.parse(module.read_text(encoding="utf-8"))):
            homes.setdefault(name, []).append(module.relative_to(ROOT).as_posix())
    assert {name for name, modules in homes.items() if len(modules) > 1} == {"Batch", "WanClient", "WanTask"}


def public_kinds(tree: ast.Module) -> Iterator[str]:
    """The classes and type aliases at the top of a module."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) | ast.AnnAssign(ast.Name(name), ast.Name("TypeAlias")):
                if not name.startswith("_"):
                    yield name
            case _:
                pass


def test_the_readme_names_paths_that_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    paths = re.findall(r"`(wan_async/[^`]+)`", text) + re.findall(r"\b(tests/[\w/.]*\w)", text)
    _, _, inside = text.partition("## Inside")
    paths += [f"wan_async/{path}" for path in re.findall(r"`(_\w+/[\w/.]*|\w+\.py|\w+/)`", inside)]
    assert paths
    assert [path for path in paths if not list(ROOT.glob(path))] == []


def test_the_readme_says_what_each_part_at_the_top_is() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| part |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+(?:/|\.py))`", "".join(row.split("|")[1] for row in table.splitlines()[2:])))
    top = (ROOT / "wan_async").iterdir()
    parts = {f"{path.name}/" if path.is_dir() else path.name for path in top if path.is_dir() or path.suffix == ".py"}
    assert {part for part in parts if not part.startswith("__")} == named


def test_the_readmes_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"^##+ (.*)$", text, re.M)
    }
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith("https://")]
    assert len(links) >= 5
    assert [link for link in links if link[0] == "#" and link[1:] not in anchors] == []
    assert [link for link in links if link[0] != "#" and not (ROOT / link).is_file()] == []


def test_the_readme_says_what_each_extra_is_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (every,) = project["optional-dependencies"]["all"]
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| extra |")[2].partition("\n\n")[0]
    cells = "".join(row.split("|")[1] for row in table.splitlines()[2:])
    assert set(re.findall(r"`(\w+)`", cells)) == {*every.partition("[")[2].rstrip("]").split(","), "all"}


def test_before_a_commit_the_same_ruff_runs_as_in_ci() -> None:
    constraints = (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8")
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"^ruff==(.*)$", constraints, re.MULTILINE) == re.findall(r"rev: v(.*)$", hooks, re.MULTILINE)


def test_each_rule_that_is_not_applied_has_its_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ignored = tomllib.loads(text)["tool"]["ruff"]["lint"]["ignore"]
    without = [rule for rule in ignored if not re.search(rf'^ +"{rule}",  # \S', text, re.MULTILINE)]
    assert ignored
    assert without == []
