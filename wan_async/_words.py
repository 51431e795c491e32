"""How values and other people's words stand in a message: short, and on one line."""

from __future__ import annotations


def one_line(text: str) -> str:
    """`text` with every run of white space as one space."""
    return " ".join(text.split())


def shown(value: object) -> str:
    """`value` as a message shows it, whatever it is."""
    if isinstance(value, str) and len(value) > 80:
        return f"{value[:80]!r}… ({len(value)} characters)"
    try:
        text = one_line(repr(value))
    except (ValueError, RecursionError):  # an integer of over 4300 digits, a list thousands deep
        return f"<{type(value).__name__}>"
    return text if len(text) <= 100 else f"{text[:80]}…"
