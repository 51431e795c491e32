"""The entry point: whatever goes wrong is one line on stderr and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

_EXTRA = ("click", "dotenv", "jinja2", "markupsafe", "rich")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `wan-async` and exit.

    Args:
        arguments: what follows the program's name; None: this process's own.
    """
    try:
        from .root import run

        code = run(sys.argv[1:] if arguments is None else list(arguments))
    except ModuleNotFoundError as missing:
        name = (missing.name or "").partition(".")[0]
        words = f"{name} is not installed: pip install 'wan-async[cli]'" if name in _EXTRA else str(missing)
        if "pip install 'wan-async[" not in words:
            raise
        print(f"wan-async: {words}", file=sys.stderr)
        code = 2
    sys.exit(code)
