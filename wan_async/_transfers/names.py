"""File names without suffixes, of keys, task ids and links: safe everywhere, short, and each its own; pure.

A name that is safe as it stands is kept. Any other is altered, and then it ends in a hash of the original; so does
a name that already ends like one, and a name with capitals, which some file systems take for small letters.

The name of a batch's clip holds its task's id, so that two tasks never share a file, whatever their keys are.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote, unquote_plus, urlsplit

LONGEST = 120
"""Bytes of a whole name with its suffix in UTF-8; file systems take 255, some tools and archives less."""

_LONGEST_SUFFIX = 5
_LONGEST_STEM = LONGEST - _LONGEST_SUFFIX
_HASH = 16
_LONGEST_ID = 40
"""Letters of a task's id in a name; 32 are usual."""
_UNSAFE = frozenset('<>:"/\\|?*%~$`')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\..*)?", re.IGNORECASE)
_HASHED = re.compile(r"(?:.*-)?[0-9a-f]{16}")
_PLAIN_ID = re.compile(f"[a-z0-9_]{{1,{_LONGEST_ID}}}")
_SIGNATURE = re.compile(
    r"signature|sig|expires|policy|key-pair-id|(?:aws|oss)accesskeyid|googleaccessid|x-(?:amz|goog|oss)-.*",
    re.IGNORECASE,
)
"""Parameters of a link that change each time it is signed: of S3, CloudFront, Google Cloud Storage and OSS."""


def item_stem(key: str, task_id: str) -> str:
    """The name of a batch's clip: its key, then the letters of its task's id."""
    letters = _id_letters(task_id)
    return f"{safe_stem(key, _LONGEST_STEM - 1 - len(letters))}-{letters}"


def link_stem(url: str) -> str:
    """The name of a clip of which only the link is known; how the link is signed plays no part."""
    stem = PurePosixPath(unquote(parts_of(url).path)).stem
    return f"{_safe(stem, _LONGEST_STEM - 1 - _HASH)}-{_hash(unsigned(url))}".lstrip("-")


def unsigned(url: str) -> str:
    """The part of a link that identifies its clip: host, path and query, without the signature."""
    parts = parts_of(url)
    query = [part for part in parts.query.split("&") if not _SIGNATURE.fullmatch(unquote_plus(part.partition("=")[0]))]
    return f"{parts.netloc}{parts.path}" + (f"?{'&'.join(query)}" if any(query) else "")


def parts_of(url: str) -> SplitResult:
    """The parts of a link; of one that cannot be read, all of it as the path."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", url, "", "")


def safe_stem(text: str, longest: int = _LONGEST_STEM) -> str:
    """`text` as a name without a suffix, of at most `longest` bytes in UTF-8."""
    safe = _safe(text, longest - 1 - _HASH)
    if safe and safe == text == text.casefold() and not _HASHED.fullmatch(text):
        return safe
    return f"{safe}-{_hash(text)}".lstrip("-")


def _id_letters(task_id: str) -> str:
    """A task's id as the end of a name, distinct for distinct ids: without a dash, or with a hash behind one."""
    if _PLAIN_ID.fullmatch(task_id):
        return task_id
    return f"{re.sub('[^a-z0-9_]', '_', task_id.lower())[:_LONGEST_ID]}-{_hash(task_id)}"


def _safe(text: str, longest: int) -> str:
    """`text` without what is unsafe; may be empty, and two texts may give the same."""
    normal = unicodedata.normalize("NFC", text[:1000])
    clean = "".join(c if c.isprintable() and c not in _UNSAFE else "_" for c in normal)
    short = clean.encode()[:longest].decode(errors="ignore").strip(" .-")
    return f"_{short}" if _RESERVED.fullmatch(short) else short


def _hash(text: str) -> str:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()
