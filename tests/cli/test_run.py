"""`wan-async run`: a model's fields as options, one clip, and what Ctrl-C leaves behind."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import msgspec
import pytest
from click.shell_completion import ShellComplete

from wan_async._cli.root import root
from wan_async._cli.root import run as command
from wan_async.emulator import Fault
from wan_async.models import MODELS

from .shell import MODEL, Shell, shell

NAME = MODEL.removeprefix("wan/")


async def test_run_never_takes_an_earlier_clip_for_its_own(tmp_path: Path) -> None:
    async with shell(tmp_path) as (provider, wan):
        (tmp_path / "x.mp4").write_bytes(b"the clip of an earlier run")
        code, _, errors = await wan("run", MODEL, "prompt=x", "--output", "x.mp4")
        assert code == 0, errors
        assert (tmp_path / "x.mp4").read_bytes()[4:8] == b"ftyp"
        code, _, errors = await wan("run", MODEL, "prompt=x", "--output", "x.mp4/y.mp4")
    assert (code, len(provider.tasks)) == (2, 1)
    assert "--output: 'x.mp4/y.mp4' cannot be written" in errors


async def test_run_prints_the_link_and_what_it_cost(tmp_path: Path) -> None:
    async with shell(tmp_path) as (provider, wan):
        code, output, errors = await wan("run", MODEL, "prompt=a fox", "resolution=480p", "seed=7")
    assert code == 0, errors
    (task,) = provider.tasks.values()
    assert task.input == {"prompt": "a fox", "resolution": "480p", "seed": 7}
    assert ".mp4" in output
    assert "40 credits" in output
    assert errors == f"task {task.id}\n"


async def test_run_types_lists_and_booleans_takes_json_and_downloads(tmp_path: Path) -> None:
    async with shell(tmp_path) as (provider, wan):
        arguments = [
            "prompt=run, fox",
            "image_urls=https://h/fox.png",
            "--input",
            '{"duration": "10"}',
            "--output",
            "out/",
        ]
        code, output, errors = await wan("run", "wan/2-6-image-to-video", *arguments)
        assert code == 0, errors
        assert Path(tmp_path, output.splitlines()[-1]).read_bytes()[4:8] == b"ftyp"
        code, output, _ = await wan("run", MODEL, "prompt=x", "enable_prompt_expansion=true", "--json")
        assert msgspec.json.decode(output)["state"] == "success"
    first, second = (task.input for task in provider.tasks.values())
    assert first == {"prompt": "run, fox", "image_urls": ["https://h/fox.png"], "duration": "10"}
    assert second["enable_prompt_expansion"] is True


async def test_each_field_is_an_option_and_a_local_file_is_uploaded(tmp_path: Path) -> None:
    (tmp_path / "fox.png").write_bytes(PNG)
    async with shell(tmp_path) as (provider, wan):
        wan.environment["APIKLEY_UPLOAD_URL"] = wan.environment["APIKLEY_BASE_URL"]
        options = ("--prompt", "run, fox", "--image-url", "./fox.png", "--duration", "10", "--resolution", "720p")
        code, _, errors = await wan("run", "2-6-image-to-video", *options)
        assert code == 0, errors
        code, _, errors = await wan("run", NAME, "--prompt", "x", "--no-enable-prompt-expansion", "--seed", "7")
        assert code == 0, errors
        code, _, errors = await wan("run", "wan/2-6-image-to-video", "prompt=fox", "image_urls=fox.png")
        assert code == 0, errors
        code, _, errors = await wan(
            "run", "2-6-image-to-video", "--input", '{"prompt": "fox", "image_urls": ["fox.png"]}'
        )
        assert code == 0, errors
    first, second, third, fourth = (task.input for task in provider.tasks.values())
    assert {**first, "image_urls": 1} == {"prompt": "run, fox", "image_urls": 1, "duration": "10", "resolution": "720p"}
    assert second == {"prompt": "x", "enable_prompt_expansion": False, "seed": 7}
    assert first["image_urls"] == [url for url in first["image_urls"] if url.startswith("http")] != third["image_urls"]
    assert [url.startswith("http") for url in fourth["image_urls"]] == [True]


@pytest.mark.parametrize(
    "twice",
    [
        ["--prompt", "a", "prompt=b"],
        ["prompt=a", "--input", '{"prompt": "a"}'],
        ["prompt=a", "prompt=b"],
        ["--prompt", "a", "--input", '{"prompt": "b"}'],
    ],
)
def test_a_field_that_is_given_twice_is_refused(twice: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["run", NAME, *twice]) == 2
    assert "prompt is given twice: 'a' and " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["run", "2-6-image-to-vdeo", "prompt=x"], "did you mean 'wan/2-6-image-to-video'"),
        (["run", NAME, "promt=x"], "did you mean 'prompt'"),
        (["run", NAME, "--promt", "x"], "--prompt"),
        (["run", NAME, "--prompt", "x", "--resolution", "720"], "did you mean '720p'"),
        (["run", NAME, "--prompt", " "], "prompt"),
        (["run", "2-6-image-to-video", "--prompt", "ab", "--image-url", "./no.png"], "a file that is there"),
        (["rn"], "did you mean 'run'"),
    ],
)
def test_what_may_have_been_meant_is_said(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APIKLEY_API_KEY", "k")
    assert command(arguments) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("model", MODELS)
def test_the_help_of_a_model_has_each_field_with_what_it_may_be(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["run", model, "--help"]) == 0
    help_ = capsys.readouterr().out
    for name in msgspec.structs.fields(MODELS[model]):
        if name.name != "extra":
            assert f"--{name.name.replace('_', '-')}" in help_
    assert "credits" in help_
    assert "Exit codes" in help_


# Ctrl-C


async def interrupted(folder: Path, *faults: Fault, **options: float) -> tuple[int | None, str, int]:
    """`run`, interrupted once the provider has seen createTask: exit code, its last line, tasks created."""
    async with shell(folder, *faults, **options) as (provider, wan), asyncio.timeout(20):
        process = await wan.start("run", NAME, "--prompt", "x", "--resolution", "480p", "--output", "fox.mp4")
        while not provider.stats.created:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGINT)
        output, errors = await process.communicate()
        assert output == b""
        assert b"Traceback" not in errors
        return process.returncode, errors.decode().splitlines()[-1], provider.stats.created


async def test_ctrl_c_tells_what_is_paid_for_and_how_to_get_it(tmp_path: Path) -> None:
    code, told, created = await interrupted(tmp_path, seconds=60)
    assert (code, created) == (130, 1)
    assert told.startswith("wan-async: interrupted; task ")
    assert " was created, 40 credits by the price list and goes on" in told
    assert told.split("its clip: ")[1].startswith("wan-async wait ")
    assert told.endswith(" --output fox.mp4")


async def test_ctrl_c_waits_a_little_for_the_answer_that_tells_the_id(tmp_path: Path) -> None:
    slow = Fault("slow", call="createTask", seconds=1.5)
    code, told, created = await interrupted(tmp_path, slow, seconds=60)
    assert (code, created) == (130, 1)
    assert "was created" in told


async def test_ctrl_c_says_where_nothing_tells_whether_a_task_was_created(tmp_path: Path) -> None:
    code, told, _ = await interrupted(tmp_path, Fault("slow", call="createTask", seconds=25.0), seconds=60)
    assert code == 4
    assert "may have been created and charged" in told


async def test_ctrl_c_before_anything_was_sent_says_so(tmp_path: Path) -> None:
    async with shell(tmp_path) as (provider, wan), asyncio.timeout(20):
        wan.environment["APIKLEY_BASE_URL"] = "http://127.0.0.1:9"
        process = await wan.start("run", NAME, "--prompt", "x")
        await asyncio.sleep(2)
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()
    assert process.returncode == 130, errors
    assert errors.decode().splitlines()[-1] == "wan-async: interrupted; nothing was submitted"
    assert provider.stats.created == 0


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000"
    "050001a5f645400000000049454e44ae426082"
)


async def test_a_model_that_there_is_not_is_told_whatever_options_follow(tmp_path: Path) -> None:
    code, _, errors = await Shell("http://127.0.0.1:9", tmp_path)("run", "2-6-image-to-vidoe", "--prompt", "a fox")
    assert (code, "did you mean 'wan/2-6-image-to-video'?" in errors) == (2, True), errors


async def test_what_is_paid_for_is_told_with_the_way_to_it_when_the_wait_or_the_download_fails(tmp_path: Path) -> None:
    async with shell(tmp_path, seconds=30.0) as (_, wan):
        code, output, errors = await wan("run", MODEL, "--prompt", "a fox", "--max-wait", "0", "-q", "-o", "fox.mp4")
        task_id, words = errors.removeprefix("wan-async: task ").split(" ", 1)
        assert (code, output) == (1, "")
        assert words.startswith(f"is paid for; its clip: wan-async wait {task_id} --output fox.mp4\n")
    lost = Fault("html", call="file", status=403)
    async with shell(tmp_path, lost, render=True) as (_, wan):
        arguments = ("run", MODEL, "--prompt", "a fox", "-o", "fox.mp4", "--json", "--retry", "0")
        code, output, errors = await wan(*arguments)
        record = msgspec.json.decode(output)
        assert code == 3
        assert record["url"].startswith("http://")
        assert f"wan-async wait {record['task_id']} --output fox.mp4" in errors


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("run 2-6-t", ["2-6-text-to-video"]),
        ("run wan/2-6-t", ["wan/2-6-text-to-video"]),
        ("models 2-6-t", ["2-6-text-to-video"]),
        ("batch a.csv --model wan/2-6-t", ["wan/2-6-text-to-video"]),
        ("batch a.csv --model 2-6-t", ["2-6-text-to-video"]),
    ],
)
def test_shells_complete_models(words: str, found: list[str]) -> None:
    *before, begun = words.split()
    assert [item.value for item in ShellComplete(root, {}, "wan-async", "_").get_completions(before, begun)] == found
