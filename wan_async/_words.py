"""Values and other people's words, made fit for a message, a pickle or JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

E = TypeVar("E", bound=Exception)


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


def without_user(place: str) -> str:
    """A path as it is; a URL without user, password and query."""
    scheme, is_url, rest = place.partition("://")
    if not is_url:
        return place
    address, mark, fragment = rest.partition("#")
    return f"{scheme}://{address.rpartition('@')[2].partition('?')[0]}{mark}{fragment}"


def is_picklable(value: object) -> bool:
    """False for an open file, for instance."""
    import pickle  # 2 ms that importing wan_async does without

    try:
        pickle.dumps(value)
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError):
        return False
    return True


@dataclass
class _Encoded:
    type: str
    detail: str


def encodable(error: type[E]) -> type[E]:
    """Have msgspec encode an exception class, as it does dataclasses: by the fields above. It has no other hook."""
    fields = _Encoded.__dataclass_fields__
    its_type = property(lambda self: type(self).__name__)
    for name, value in {"__dataclass_fields__": fields, "type": its_type, "detail": property(_encodable)}.items():
        setattr(error, name, value)
    return error


def _encodable(error: Exception) -> str:
    """The words without what UTF-8 cannot hold."""
    return str(error).encode(errors="backslashreplace").decode()
