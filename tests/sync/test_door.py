"""The loop's thread: it ends with its process, hears of Ctrl-C, and is another one in a forked child."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from wan_async.emulator import Emulator

BEGIN = """
    import asyncio, os, sys
    from wan_async import Wan22TextToVideoTurbo
    from wan_async.events import Event, Submitted
    from wan_async.sync import WanClient

    def tell(event: Event) -> None:
        if isinstance(event, Submitted):
            print("submitted", flush=True)

    FOX = Wan22TextToVideoTurbo(prompt="a fox")
    wan = WanClient("k", base_url=sys.argv[1], on_event=tell)
"""


def program(text: str, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-X", "dev", "-c", textwrap.dedent(BEGIN) + textwrap.dedent(text), url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_script_that_closes_nothing_ends_and_says_nothing(url: str) -> None:
    with program("print(wan.credits() > 0)", url) as script:
        output, errors = script.communicate(timeout=30)
    assert (output, errors, script.returncode) == ("True\n", "", 0)


def interrupted(text: str, url: str, tasks: int) -> tuple[str, str]:
    """Interrupt the program once it has the ids of so many tasks."""
    with program(text, url) as script:
        assert script.stdout is not None
        assert [script.stdout.readline() for _ in range(tasks)] == ["submitted\n"] * tasks
        os.kill(script.pid, signal.SIGINT)
        return script.communicate(timeout=30)


@pytest.mark.skipif(sys.platform == "win32", reason="a console's Ctrl-C reaches the tests too")
class TestCtrlC:
    @pytest.fixture
    def emulator(self) -> Emulator:
        return Emulator(key="k", seconds=600.0)

    def test_it_ends_a_run_and_names_the_task(self, url: str) -> None:
        _, errors = interrupted("wan.run(FOX)", url, 1)
        assert "KeyboardInterrupt" in errors
        assert "was created and may be charged; WanClient.wait(" in errors.splitlines()[-1]

    def test_it_ends_a_batch(self, url: str) -> None:
        text = """
            try:
                with wan.batch(Wan22TextToVideoTurbo(prompt=f"fox {n}") for n in range(10)) as results:
                    for outcome in results: print(outcome)
            except KeyboardInterrupt:
                print("left", results.stats.submitted, wan.credits() > 0)
        """
        output, errors = interrupted(text, url, 10)
        assert (output, errors) == ("left 10 True\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows forks nothing")
def test_a_forked_child_has_a_thread_of_its_own(url: str) -> None:
    text = """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork where threads are
        print(wan.credits() > 0, flush=True)
        pid = os.fork()
        print(wan.credits() > 0, flush=True)
        if pid:
            print(os.waitpid(pid, 0)[1], flush=True)
    """
    with program(text, url) as script:
        output, errors = script.communicate(timeout=30)
    assert (output, errors) == ("True\nTrue\nTrue\n0\n", "")
