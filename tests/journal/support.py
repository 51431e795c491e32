"""What the journal's tests share: a small clip, its records, and programs run as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from wan_async._protocol import TaskRecord, TaskState

MODEL = "wan/2-2-a14b-text-to-video-turbo"
FOX = b'{"prompt":"a fox in the rain"}'
PROGRAMS = Path(__file__).parent / "programs"


def good(task_id: str = "t", cost: float | None = 60.0) -> TaskRecord:
    return TaskRecord(task_id=task_id, state=TaskState.SUCCESS, urls=("http://127.0.0.1/clip.mp4",), credits=cost)


def bad(task_id: str = "t", cost: float | None = 0.0) -> TaskRecord:
    return TaskRecord(task_id=task_id, state=TaskState.FAIL, fail_code="422", fail_message="no", credits=cost)


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Run one of `programs/` with this process's import path."""
    # A killed process would leave half a file for `coverage combine`.
    measured_by_nobody = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.Popen(
        [sys.executable, str(PROGRAMS / program), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**measured_by_nobody, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
    )


def output(program: str, *arguments: object) -> str:
    with start(program, *arguments) as process:
        text, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return text
