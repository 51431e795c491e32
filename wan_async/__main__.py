"""`python -m wan_async`: the command line."""

from __future__ import annotations

from ._cli.main import main

main()
