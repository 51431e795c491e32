"""What the tests of transfers share."""

from __future__ import annotations

from pathlib import Path

from wan_async import Polling, RateLimit, Retry, TaskRecord, TaskState, Timeout, WanClient

FAST = RateLimit(1000, per=1.0)
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 4
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(1000)


def client(url: str, *, upload: bool = False, max_elapsed: float = 3.0, total: float = 5.0) -> WanClient:
    """A client of a server on loopback that neither waits for slots nor retries for long."""
    return WanClient(
        "secret-key",
        base_url=url,
        upload_url=url if upload else None,
        limit=FAST,
        query_limit=FAST,
        polling=Polling(first=0.05, interval=0.05),
        retry=Retry(max_elapsed=max_elapsed),
        timeout=Timeout(total=total),
    )


def finished(url: str, task_id: str = "t1") -> TaskRecord:
    """The record of a task that was successful."""
    return TaskRecord(task_id=task_id, state=TaskState.SUCCESS, urls=(url,))


def names(folder: Path) -> list[str]:
    """What is in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
