"""The commands beside `batch`, against the emulator, as a shell sees them."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from wan_async import Wan22TextToVideoTurbo, WanClient
from wan_async._cli.emulator import fault
from wan_async._cli.root import COMMANDS
from wan_async._cli.root import run as command
from wan_async.emulator import Fault

from .shell import MODEL, Shell, shell


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "wan/none", "prompt=x"], "model"),
        (["run", MODEL], "prompt"),
        (["run", MODEL, "prompt=x", "resolution=4k"], "resolution: '4k'"),
        (["run", MODEL, "prompt=x", "seed=many"], "seed: 'many'"),
        (["run", MODEL, "prompt"], "FIELD=VALUE"),
        (["run", MODEL, "prompt=x", "--input", "[1]"], "JSON object"),
        (["run", MODEL, "prompt=x", "--max-wait", "-1"], "--max-wait"),
        (["nonsense"], "nonsense"),
        (["emulator", "--limit", "20"], "20/10"),
        (["emulator", "--fault", "nothing"], "'nothing' is not allowed; allowed: drop_before, drop_after, half"),
        (["emulator", "--fault", "slow,call=nothing"], "allowed: createTask, recordInfo"),
        (["emulator", "--port", "x"], "'--port': 'x' is not allowed; allowed: an integer from 0 to 65535"),
        (["batch", __file__, "--max-in-flight", "0"], "'0' is not allowed; allowed: an integer ≥ 1"),
        (["batch", __file__, "--max-credits", "nan"], "'nan' is not allowed; allowed: credits, a number ≥ 0"),
        (["batch", __file__, "--confirm-above", "much"], "'much' is not allowed; allowed: credits, a number ≥ 0"),
        (["emulator", "--fault", "slow,colour=red"], "colour=red"),
        (["journal", "show", "missing.db"], "missing.db"),
        (["journal", "resubmit", __file__], "--unknown"),
        (["journal", "show", __file__], "not a journal"),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APIKLEY_API_KEY", "k")
    assert command(arguments) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.count("\n") == 1
    assert errors.startswith("wan-async: ")
    assert told in errors


async def test_what_the_service_refuses_is_one_line_and_exit_code_3(tmp_path: Path) -> None:
    async with shell(tmp_path) as (_, wan):
        code, output, errors = await wan("credits", key="wrong")
        assert (code, output) == (3, "")
        words, source = errors.split(" (the key from ")
        assert words == "wan-async: 401: You do not have access permissions"
        assert source.startswith("the environment's APIKLEY_API_KEY was refused by 127.0.0.1:")
        code, _, errors = await wan("credits", key=None)
        assert code == 2
        assert "APIKLEY_API_KEY" in errors


async def test_credits_and_status(tmp_path: Path) -> None:
    async with shell(tmp_path, Fault("fail", match="poor", message="no"), credits=100.5) as (provider, wan):
        assert await wan("credits") == (0, "100.5\n", "")
        async with WanClient("k", base_url=wan.environment["APIKLEY_BASE_URL"]) as client:
            good = (await client.submit(Wan22TextToVideoTurbo(prompt="a", resolution="480p"))).id
            bad = (await client.submit(Wan22TextToVideoTurbo(prompt="poor", resolution="480p"))).id
        code, output, _ = await wan("status", good, bad, "--wait")
        assert code == 1
        assert f"{good}  success" in output
        assert "500: no" in output
        code, output, _ = await wan("status", good, "--json")
        assert (code, msgspec.json.decode(output)["task_id"]) == (0, good)
        for command_ in ("status", "wait"):
            help_ = " ".join((await wan(command_, "--help"))[1].split())
            assert f"{', '.join(msgspec.json.decode(output))}." in help_
        code, output, errors = await wan("status", "no-such-task", good, "nor-this")
        assert code == 3
        assert errors.count("recordInfo is null") == 2
        assert output.startswith(good)
    assert provider.stats.created == 2


async def test_an_unreachable_service_is_one_line_and_exit_code_3(tmp_path: Path) -> None:
    wan = Shell("http://127.0.0.1:9", tmp_path)
    code, output, errors = await wan("credits", "--retry", "0.2")
    assert (code, output, errors.count("\n")) == (3, "", 2)
    first, last = errors.splitlines()  # at once: what is tried, why it fails, until when; then how it ended
    assert "no connection" in last
    assert first == f"{last}; tried again for 0.2 s (--retry)"
    code, _, errors = await wan("--base-url", "ftp://x", "credits")
    assert (code, errors.count("\n")) == (2, 1)
    assert "base_url" in errors


async def test_a_failed_task_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    async with shell(tmp_path, Fault("fail", fail_code="SENSITIVE", message="not this")) as (_, wan):
        code, output, errors = await wan("run", MODEL, "prompt=x")
    assert (code, output) == (1, "")
    assert "failed [SENSITIVE]: not this" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_emulators_first_line_is_its_url_and_it_ends_quietly(tmp_path: Path, number: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "wan_async",
            "emulator",
            "--port",
            "0",
            "--key",
            "K",
            "--limit",
            "3/10",
            "--seconds",
            "0.1",
        ),
        *("--fault", "refuse,call=createTask,code=422,match=wolf"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    async with WanClient("K", base_url=url) as wan:
        assert (await wan.run(Wan22TextToVideoTurbo(prompt="a fox"))).url
    process.send_signal(number)
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


async def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    async with shell(tmp_path) as (_, wan):
        port = wan.environment["APIKLEY_BASE_URL"].rsplit(":", 1)[1]
        code, _, errors = await wan("emulator", "--port", port)
    assert code == 2
    assert f"127.0.0.1:{port}" in errors


def test_a_fault_on_the_command_line_is_a_fault() -> None:
    assert fault("slow,call=createTask,seconds=2.5,times=3") == Fault("slow", call="createTask", seconds=2.5, times=3)


def test_the_version_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["--version"]) == 0
    assert capsys.readouterr().out.startswith("wan-async 0.")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command([name, "--help"]) == 0
    assert "Usage: wan-async" in capsys.readouterr().out


async def test_the_demo_makes_its_page(tmp_path: Path) -> None:
    async with shell(tmp_path) as (_, wan):
        code, output, errors = await wan("demo", "--clips", "6", "--seconds", "0.2", "--no-open")
    assert code == 0, errors
    assert "clips made" in output
    page = (tmp_path / "demo-clips" / "index.html").read_text("utf-8")
    clips = list((tmp_path / "demo-clips" / "clips").glob("*.mp4"))
    assert page.count("<video") == len(clips) == 4  # of 6, two fail on purpose
    assert "https://" not in page.replace("https://media.example.com", "")


async def test_two_of_the_demos_clips_fail_and_it_can_be_run_again_but_not_over_anything_else(tmp_path: Path) -> None:
    async with shell(tmp_path) as (_, wan):
        for clips in (8, 4):
            demo = ("demo", "--seconds", "0.1", "--clips", str(clips), "--no-open", "--output", "d")
            code, output, errors = await wan(*demo)
            assert code == 0, errors
            assert f"{clips - 2} clips made, 2 failed on purpose" in output
        page = (tmp_path / "d" / "index.html").read_text("utf-8")
        assert page.count("FAILED") + page.count("Failed") + page.count("failed") >= 2
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("precious")
        code, _, errors = await wan("demo", "--no-open", "--output", "mine")
    assert code == 2
    assert "not empty" in errors
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"
