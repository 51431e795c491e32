"""`wait`, `download`, `upload`, `models`, `completion`: what surrounds a clip."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from wan_async import Wan22TextToVideoTurbo, WanClient
from wan_async._cli.root import run as command
from wan_async.emulator import Fault
from wan_async.models import MODELS
from wan_async.models.catalogue import defaults_of, fields_of

from .shell import shell


async def test_tasks_are_waited_for_and_their_clips_fetched(tmp_path: Path) -> None:
    bad = Fault("fail", match="poor", message="no")
    async with (
        shell(tmp_path, bad, render=True) as (_, wan),
        WanClient("k", base_url=wan.environment["APIKLEY_BASE_URL"]) as client,
    ):
        prompts = ("good", "poor", "fine")
        good, failed, fine = [(await client.submit(Wan22TextToVideoTurbo(prompt=text))).id for text in prompts]
        code, output, errors = await wan("wait", good, failed, fine, "--output", "clips/", "--json")
        records = [msgspec.json.decode(line) for line in output.splitlines()]
        assert code == 1
        assert {record["task_id"]: record["state"] for record in records} == {
            good: "success",
            failed: "fail",
            fine: "success",
        }
        assert f"wan-async: {failed}: " in errors
        assert len(list((tmp_path / "clips").iterdir())) == 2
        code, output, _ = await wan("download", fine, "-o", "fine.mp4")
        assert (code, output.strip()) == (0, "fine.mp4")
        assert (tmp_path / "fine.mp4").read_bytes()[4:8] == b"ftyp"
        code, _, errors = await wan("download", fine, "nosuch", "-o", "two/")
        assert code == 3
        assert "nosuch" in errors
        assert len(list((tmp_path / "two").iterdir())) == 1
        code, _, errors = await wan("wait", good, fine, "--output", "one.mp4")
        assert (code, "end it with /" in errors) == (2, True)


async def test_the_clips_of_a_journal_are_downloaded(tmp_path: Path) -> None:
    async with (
        shell(tmp_path, render=True) as (_, wan),
        WanClient("k", base_url=wan.environment["APIKLEY_BASE_URL"]) as client,
    ):
        inputs = [(f"fox-{at}", Wan22TextToVideoTurbo(prompt=f"fox {at}")) for at in range(3)]
        async with client.batch(inputs, journal=tmp_path / "run.db") as results:
            assert [outcome.ok async for outcome in results] == [True] * 3
        code, output, errors = await wan("download", "run.db", "-o", "clips/")
        assert (code, len(output.splitlines())) == (0, 3), errors
        assert all(Path(tmp_path, line).is_file() for line in output.splitlines())
        code, output, _ = await wan("download", "run.db", "-o", "more/", "--json")
        lines = [msgspec.json.decode(line) for line in output.splitlines()]
        assert (code, len({line["source"] for line in lines})) == (0, 3)
        assert all(Path(tmp_path, line["path"]).is_file() for line in lines)


async def test_files_are_uploaded(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n1")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n2")
    async with shell(tmp_path) as (provider, wan):
        host = wan.environment["APIKLEY_BASE_URL"]
        code, output, errors = await wan("upload", "a.png", "b.png", "--upload-url", host)
        assert (code, len(output.split())) == (0, 2), errors
        assert all(line.startswith("http") for line in output.split())
        code, output, _ = await wan("upload", "a.png", "--upload-url", host, "--json")
        assert msgspec.json.decode(output)["file"] == "a.png"
        assert (await wan("upload", "missing.png", "--upload-url", host))[0] == 2
    assert provider.stats.uploads == 3


def test_the_catalogue_has_every_model_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["models", "--json"]) == 0
    catalogue = [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["model"] for one in catalogue] == list(MODELS)
    for one in catalogue:
        fields = {field.name for field in msgspec.structs.fields(MODELS[one["model"]])} - {"extra"}
        assert {field["name"] for field in one["fields"]} == fields
        assert all(field["help"] for field in one["fields"])
        defaults = {field["name"]: field["default"] for field in one["fields"] if "default" in field}
        assert defaults == defaults_of(MODELS[one["model"]])
        assert one["prices"] == (str(MODELS[one["model"]].tariff) if MODELS[one["model"]].tariff else None)
    assert command(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(MODELS)
    for line, cls in zip(lines, MODELS.values(), strict=True):
        assert str(cls.tariff or "none is known") in line
        assert set(re.findall(r"\w+", line.rpartition("\t")[2])) == fields_of(cls).keys()
    assert command(["models", "2-6-image-to-video"]) == 0
    output = capsys.readouterr().out
    assert "5|10|15" in output
    assert "104.5 credits" in output


@pytest.mark.parametrize("model", MODELS)
def test_the_price_list_and_the_rules_between_fields_are_told(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    cls = MODELS[model]
    for arguments in (["models", model], ["run", model, "--help"]):
        assert command(arguments) == 0
        words = " ".join(capsys.readouterr().out.split())
        assert str(cls.tariff or "none is known") in words
        assert " ".join((cls.__doc__ or "").partition("Attributes:")[0].split()) in words


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_shells_get_their_script(shell_name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["completion", shell_name]) == 0
    assert "_WAN_ASYNC_COMPLETE" in capsys.readouterr().out
