"""File names made of keys, task ids and links: safe everywhere, short, and distinct for distinct ones; pure.

A name that is safe as it stands is kept. Any other is altered, and then it ends in a hash of the original; so does
a name that already ends like one, and a name with capitals, which some file systems do not tell from small letters.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit

LONGEST = 120
"""Bytes of a whole name in UTF-8; file systems take 255, some tools and archives less."""

_LONGEST_STEM = LONGEST - 16 - 1 - 5
_UNSAFE = frozenset('<>:"/\\|?*%~$`')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\..*)?", re.IGNORECASE)
_HASHED = re.compile(r"(?:.*-)?[0-9a-f]{16}")
_VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm"})


def clip_name(key: str, url: str) -> str:
    """The file name of the clip with that key or task id; `url` only tells the suffix."""
    return safe_stem(key) + _suffix(url)


def link_name(url: str) -> str:
    """The file name of a clip of which only the link is known; the link's query, a signature, plays no part."""
    parts = _split(url)
    stem = PurePosixPath(unquote(parts.path)).stem
    return f"{_safe(stem)}-{_hash(f'{parts.netloc}{parts.path}')}{_suffix(url)}".lstrip("-")


def safe_stem(text: str) -> str:
    """`text` as a name without a suffix, of at most 98 bytes in UTF-8."""
    safe = _safe(text)
    if safe and safe == text == text.casefold() and not _HASHED.fullmatch(text):
        return safe
    return f"{safe}-{_hash(text)}".lstrip("-")


def _safe(text: str) -> str:
    """`text` without what is unsafe; may be empty, and two texts may give the same."""
    normal = unicodedata.normalize("NFC", text[:1000])
    clean = "".join(c if c.isprintable() and c not in _UNSAFE else "_" for c in normal)
    short = clean.encode()[:_LONGEST_STEM].decode(errors="ignore").strip(" .-")
    return f"_{short}" if _RESERVED.fullmatch(short) else short


def _hash(text: str) -> str:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def _suffix(url: str) -> str:
    suffix = PurePosixPath(unquote(_split(url).path)).suffix.lower()
    return suffix if suffix in _VIDEO_SUFFIXES else ".mp4"


def _split(url: str) -> SplitResult:
    """The parts of a link; of one that cannot be read, all of it as the path."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", url, "", "")
