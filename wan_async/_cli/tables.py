"""Tables for people: columns as wide as the terminal allows; on a pipe, fields between tabs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import click


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Print rows under their heads, without the heads on a pipe; how many."""
    if sys.stdout.isatty():
        return _drawn(heads, list(rows))
    count = 0
    for row in rows:
        click.echo("\t".join(row))
        count += 1
    return count


def _drawn(heads: Sequence[str], rows: list[Sequence[str]]) -> int:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, padding=(0, 2, 0, 0))
    for head in heads:
        drawn.add_column(head, overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)
    return len(rows)
