"""What importing loads: each module alone, nothing optional, nothing twice named."""

from __future__ import annotations

import ast
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wan_async
from wan_async import errors, models

OPTIONAL = {
    "aiohttp", "av", "click", "dotenv", "fastapi", "jinja2", "litestar", "narwhals", "numpy", "obstore", "pandas",
    "PIL", "polars", "procrastinate", "psycopg", "pyarrow", "pydantic", "ray", "redis", "rich", "sqlite3",
    "starlette", "uvloop", "yarl",
}  # fmt: skip
LATER = {"anyio", "html", "mimetypes", "pickle", "wan_async._journal.reader", "wan_async._transfers"}
"""Milliseconds each, for what few use or what the first client loads."""
INTEGRATIONS = "wan_async.integrations."
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(wan_async.__path__, "wan_async.")
    if not module.name.startswith(INTEGRATIONS) and not module.name.endswith("__main__")
)


def python(program: str) -> subprocess.CompletedProcess[str]:
    # without coverage's own start in each process, which loads half of the standard library
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=environment)


def test_importing_it_loads_nothing_that_may_not_be_used() -> None:
    loaded = python("import sys, wan_async; print(*sys.modules)").stdout.split()
    assert {name for name in loaded if name.startswith("wan_async")} == {"wan_async", "wan_async._version"}
    loaded = python("import sys; from wan_async import WanClient; print(*sys.modules)").stdout.split()
    assert "wan_async._client" in loaded
    assert not OPTIONAL & {name.partition(".")[0] for name in loaded}
    assert not LATER & set(loaded)


@pytest.mark.parametrize(("name", "module"), [("Journal", "_journal.reader"), ("UploadedFile", "_transfers")])
def test_names_that_bring_much_are_loaded_when_used(name: str, module: str) -> None:
    program = f"import sys, wan_async; print('wan_async.{module}' in sys.modules, wan_async.{name}.__name__)"
    assert python(program).stdout.split() == ["False", name]


def test_the_first_client_loads_what_would_hold_up_its_loop() -> None:
    loaded = python("import sys, wan_async; wan_async.WanClient('k'); print(*sys.modules)").stdout.split()
    assert {"aiohttp", "anyio", "wan_async._transfers.downloads", "wan_async._transfers.uploads"} <= set(loaded)


def test_a_misspelt_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Jornal'"):
        getattr(wan_async, "Jornal")  # noqa: B009


_ALONE = """
import importlib, sys, traceback
for name in sys.argv[1:]:
    for loaded in [one for one in sys.modules if one.partition(".")[0] == "wan_async"]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except Exception:
        print(name, traceback.format_exc())
"""


def test_each_module_can_be_the_first_to_be_imported() -> None:
    assert len(MODULES) > 50
    alone = [sys.executable, "-c", _ALONE, *MODULES]
    done = subprocess.run(alone, check=False, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_public_is_sorted_and_there() -> None:
    assert wan_async.__all__ == sorted(wan_async.__all__)
    assert len(set(wan_async.__all__)) == len(wan_async.__all__)
    missing = [name for name in wan_async.__all__ if not hasattr(wan_async, name)]
    assert missing == []
    assert set(wan_async.__all__) < set(dir(wan_async))
    assert wan_async.errors.WanError is wan_async.WanError


def test_a_class_has_the_name_by_which_it_is_public() -> None:
    """Else `help` and a `repr` speak of what nobody can import."""
    kinds = {name: getattr(wan_async, name) for name in wan_async.__all__}
    classes = {name: kind.__name__ for name, kind in kinds.items() if isinstance(kind, type)}
    assert {name for name, own in classes.items() if own != name} == set()


def test_a_command_loads_what_it_needs() -> None:
    program = "import sys; from wan_async._cli.root import run; run(['--help']); print(*sys.modules)"
    loaded = python(program).stdout.splitlines()[-1].split()
    assert not {"msgspec", "asyncio", "aiohttp", "rich", "wan_async._client"} & set(loaded)


def test_whatever_is_imported_into_the_package_is_public() -> None:
    """What a type checker is told is what a name is loaded by."""
    tree = ast.parse(Path(wan_async.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    told = {alias.name for node in imports for alias in node.names} - {"*"}
    starred = {name for module in (errors, models) for name in module.__all__}
    assert told | starred == set(wan_async.__all__) | {"PostgresLimits", "RedisLimits"}


def test_what_needs_an_extra_is_no_part_of_a_star() -> None:
    program = "import sys; sys.modules.update(redis=None, psycopg=None); from wan_async import *; WanClient, FileLimits"
    assert python(program).returncode == 0
    assert wan_async.RedisLimits.__name__ in dir(wan_async)


_WITHOUT = """
import sys
sys.modules[{package!r}] = None
try:
    {use}
except BaseException as error:
    print(getattr(error, "code", ""), error, file=sys.stderr)
"""
USES = {
    "click": ("from wan_async._cli.main import main; main(['--version'])", "wan-async[cli]"),
    "obstore": (
        "from wan_async import WanClient; WanClient('k', base_url='http://x').batch([], download_to='s3://b/p')",
        "wan-async[store]",
    ),
}


@pytest.mark.parametrize("package", USES)
def test_a_missing_extra_names_its_command(package: str) -> None:
    use, extra = USES[package]
    words = python(_WITHOUT.format(package=package, use=use)).stderr
    assert re.search(rf"pip install .{re.escape(extra)}", words)


PUBLIC = [name for name in MODULES if "._" not in name]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_modules_say_what_they_are_for(name: str) -> None:
    assert importlib.import_module(name).__doc__
