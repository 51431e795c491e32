"""The second reader of JSON: for what the strict one refuses, and for its cost only then.

A cut emoji, half a letter of UTF-8, a raw tab, `NaN` or a byte-order mark anywhere would hide a task's id or its end,
which are paid for. What cannot be read becomes U+FFFD in a text and null elsewhere, so that all can be written
again: escapes that there are not, other languages' words and numbers, commas before nothing. What nests too deep
becomes null. What follows the document is left out, unless it is another one.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

_ESCAPES = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)

_TOKENS = re.compile(
    r'"(?:[^"\\]|\\.)*+"|[^\s\[\]{},:"]++|,(?=\s*(?:[\]},]|$))|:(?=\s*[\]},])|(?<=[\[{])\s*,', re.DOTALL
)
_VALUES = re.compile(r"true|false|null|NaN|-?Infinity|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_ESCAPED = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})?')

_ID = re.compile(r'"(?:taskId|task_id)"\s*:\s*"([\w-]+)"', re.ASCII)
_REFUSAL = re.compile(r'"code"\s*:\s*"?(?!200\b)[-\d]')

_MARKS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', re.DOTALL)
_BEGINNING = 1 << 16
"""Bytes in which the id of an answer that was cut is sought; the largest that was recorded has 2 KiB."""
_DEEPEST = 100
"""Levels that are read where a whole document nests too deep for a stack of 1,000."""


def read(body: bytes | str) -> Any:
    """Read JSON.

    Raises:
        ValueError: it is none.
    """
    text = body if isinstance(body, str) else body.decode(json.detect_encoding(body), "replace")
    text = text.removeprefix("\ufeff").lstrip()
    whole = _ESCAPES.sub(lambda escape: r"\ufffd" if escape["half"] else escape[0], text)
    try:
        value, end = _decode(whole)
    except RecursionError:
        whole = _shallow(whole)  # 0.3 s for an answer of 1 MiB of brackets
        value, end = _decode(whole)
    except ValueError:
        if not whole.startswith(("{", "[")):
            raise
        whole = _TOKENS.sub(_mended, whole)
        value, end = _decode(whole)
    if whole[end:].lstrip().startswith(("{", "[")):
        raise ValueError("another document follows")
    return value


def id_in(body: bytes) -> str | None:
    """The task's id in the beginning of an answer that was cut, if no verdict stands before it."""
    text = body[:_BEGINNING].decode(errors="replace").lstrip("\ufeff \t\r\n")
    found = _ID.search(text) if text.startswith("{") else None
    return None if found is None or _REFUSAL.search(text, 0, found.start()) else found[1]


def _mended(token: re.Match[str]) -> str:
    """A token as JSON has it."""
    text = token[0]
    match text[0]:
        case '"':
            return _ESCAPED.sub(lambda escape: escape[0] if escape[1] else r"\ufffd", text)
        case ":":
            return ":null"
        case _ if text.endswith(","):
            return ""
        case _:
            return text if _VALUES.fullmatch(text) else "null"


def _shallow(text: str) -> str:
    """The text with null for what nests too deep."""
    kept: list[str] = []
    depth = begin = 0
    for mark in _MARKS.finditer(text):
        if mark[0] in {"[", "{"}:
            depth += 1
            if depth == _DEEPEST:
                kept += [text[begin : mark.start()], "null"]
        elif mark[0] in {"]", "}"}:
            if depth == _DEEPEST:
                begin = mark.end()
            depth -= 1
    return "".join([*kept, text[begin:]])


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _integer(digits: str) -> int | None:
    try:
        return int(digits)
    except ValueError:  # over 4300 digits
        return None


_decode = json.JSONDecoder(
    strict=False, parse_constant=lambda _: None, parse_float=_finite, parse_int=_integer
).raw_decode
