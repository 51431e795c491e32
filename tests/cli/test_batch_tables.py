"""`batch` on tables: CSV and TSV as people have them, what is wrong with one in words, and the outcomes as tables."""

from __future__ import annotations

import asyncio
import csv
import io
import shlex
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async import ConfigurationError, InvalidInputError, Wan22TextToVideoTurbo, Wan26ImageToVideo
from wan_async._cli.batch.files import opened
from wan_async._cli.batch.rows import InputLine, InputRow, Reading, rows
from wan_async._cli.root import run
from wan_async.emulator import Fault

from .shell import MODEL, parquet_rows, shell

TURBO = Reading(format="csv", model=MODEL)


def read(text: str | bytes, reading: Reading = TURBO) -> list[InputRow]:
    return list(rows(io.BytesIO(text.encode() if isinstance(text, str) else text), reading))


def fox(prompt: str, **fields: object) -> Wan22TextToVideoTurbo:
    return Wan22TextToVideoTurbo(prompt=prompt, **fields)  # pyright: ignore[reportArgumentType]


def test_columns_are_fields_and_empty_cells_are_left_out() -> None:
    text = 'key,prompt,seed,enable_prompt_expansion\r\na,"a fox, in ""rain""",7,TRUE\r\n\r\n'
    text += ',b,,\r\nc,"two\nlines",5.0,false\r\n'
    assert read(text) == [
        (2, InputLine("a", fox('a fox, in "rain"', seed=7, enable_prompt_expansion=True))),
        (4, InputLine(None, fox("b"))),
        (5, InputLine("c", fox("two\nlines", seed=5, enable_prompt_expansion=False))),
    ]


def test_columns_may_be_called_otherwise_or_ignored_and_rows_name_their_models() -> None:
    reading = Reading(format="csv", model=MODEL, columns={"Title": "prompt"}, ignored=frozenset({"Notes"}), key="Id")
    assert read("Id,Title,Notes\n1,a fox,mind\n", reading) == [(2, InputLine("1", fox("a fox")))]
    text = "model,prompt,image_urls,duration\n,a fox,,\nwan/2-6-image-to-video,it runs,https://h/a.png,10\n"
    second = Wan26ImageToVideo(prompt="it runs", image_urls=["https://h/a.png"], duration="10")
    assert read(text) == [(2, InputLine(None, fox("a fox"))), (3, InputLine(None, second))]


@pytest.mark.parametrize(
    "text", ["prompt\tseed\na, b\t7\n", 'prompt;seed\n"a, b";7\n', '\ufeffprompt,seed\n"a, b",7\n']
)
def test_tabs_semicolons_and_marks_are_understood(text: str) -> None:
    assert read(text) == [(2, InputLine(None, fox("a, b", seed=7)))]
    if "\t" in text:
        assert read(text, Reading(format="tsv", model=MODEL)) == read(text)


def test_utf16_is_read_by_its_mark_and_other_letters_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for encoding in ("utf-16", "utf-32", "utf-8", "utf-8-sig"):
        path.write_text("prompt\nfüchse 🦊\n", encoding=encoding)
        with opened(str(path)) as file:
            assert list(rows(file, TURBO)) == [(2, InputLine(None, fox("füchse 🦊")))]
    path.write_bytes("prompt\rfüchse 🦊\r".encode())  # an old Mac's line ends
    with opened(str(path)) as file:
        assert list(rows(file, TURBO)) == [(2, InputLine(None, fox("füchse 🦊")))]
    with pytest.raises(ConfigurationError, match=r"line 2: .* save it as UTF-8"):
        read("prompt\nfüchse\n".encode("latin-1"))
    path.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(ConfigurationError, match="save it as UTF-8"), opened(str(path)):
        pass


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PAR1\x15\x04", "is Parquet"),
        (b"PK\x03\x04\x14", "is a spreadsheet"),
        (b"\x1f\x8b\x08\x08", "is compressed"),
        ("prompt\na fox\n".encode("utf-16-le"), "is not text"),  # without its mark
    ],
)
def test_what_is_no_text_is_told_in_one_line(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with (
        pytest.raises(ConfigurationError, match=rf"a.jsonl {told}.*: save it as CSV or JSONL, in UTF-8"),
        opened(str(path)),
    ):
        pass


@pytest.mark.parametrize(
    "text", ["sep=;\nprompt;seed\na fox;7\n", "sep=|\r\nprompt|seed\r\na fox|7\r\n", "\n\nprompt,seed,,\na fox,7,,\n"]
)
def test_what_spreadsheets_add_is_no_column(text: str) -> None:
    ((_, line),) = read(text)
    assert line == InputLine(None, fox("a fox", seed=7))


def test_a_text_in_a_column_without_a_name_is_not_lost() -> None:
    ((_, bad),) = read("prompt,seed,\na fox,7,in the rain\n")
    assert "a column without a name" in str(bad)


def test_the_column_of_keys_may_be_a_field_too_and_must_be_there() -> None:
    for key, columns in (("prompt", {}), ("Title", {"Title": "prompt"})):
        reading = Reading(format="csv", model=MODEL, key=key, columns=columns)
        assert read(f"{key}\na fox\n", reading) == [(2, InputLine("a fox", fox("a fox")))]
    flat = Reading(model=MODEL, key="prompt")
    assert read('{"prompt": "a fox"}\n', flat) == [(1, InputLine("a fox", fox("a fox")))]
    with pytest.raises(ConfigurationError, match="no column 'kye'; did you mean 'key'"):
        read("key,prompt\n1,a fox\n", Reading(format="csv", model=MODEL, key="kye"))


def test_models_may_be_named_without_their_prefix_and_must_be_named() -> None:
    short = MODEL.removeprefix("wan/")
    assert read(f"model,prompt\n{short},a fox\n", Reading(format="csv")) == [(2, InputLine(None, fox("a fox")))]
    line = msgspec.json.encode({"model": short, "input": {"prompt": "a fox"}})
    assert read(line, Reading()) == [(1, InputLine(None, fox("a fox")))]
    with pytest.raises(ConfigurationError, match="there is no model: --model is that of all rows"):
        read("prompt\na fox\n", Reading(format="csv"))
    ((_, bad),) = read("model,prompt\nwan/9,a fox\n", Reading(format="csv"))
    assert str(bad) == "model: 'wan/9' is not allowed; allowed: one of `wan-async models`"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("promt\na\n", "column 'promt' is no field; did you mean 'prompt'?; --map FIELD=promt says"),
        ("prompt,prompt\na,b\n", "has two columns"),
        ('pro"mpt,\na\n', "column"),
    ],
)
def test_a_column_that_is_nothing_is_told_once(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    assert told in str(caught.value)


def test_a_column_that_was_named_must_be_there() -> None:
    with pytest.raises(ConfigurationError, match="no column 'title'; did you mean 'Title'"):
        read("Title\na\n", Reading(format="csv", model=MODEL, columns={"title": "prompt"}))


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("a,b,c,d", "the row"),
        (",7,", "prompt"),
        ("a,many,", "seed"),
        ("a,,4k", "resolution"),
        ('"a"b,,', "the row"),
        (f"{'f' * 5001},,", "prompt"),
    ],
)
def test_a_bad_row_names_its_field_and_the_others_are_read(row: str, field: str) -> None:
    (number, bad), *others = read(f"prompt,seed,resolution\n{row}\nfine,,\n")
    assert isinstance(bad, InvalidInputError)
    assert (number, bad.field) == (2, field)
    assert others == [(3, InputLine(None, fox("fine")))]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30), max_size=5))
def test_what_a_spreadsheet_writes_is_what_is_read(prompts: list[str]) -> None:
    prompts = [f"fox {prompt}" for prompt in prompts]
    file = io.StringIO(newline="")
    csv.writer(file).writerows([["prompt", "seed"], *([prompt, at] for at, prompt in enumerate(prompts))])
    asked = [line.input for _, line in read(file.getvalue()) if isinstance(line, InputLine)]
    assert asked == [fox(prompt, seed=at) for at, prompt in enumerate(prompts)]


def test_json_lines_may_be_flat_where_a_model_is_given(tmp_path: Path) -> None:
    (tmp_path / "fox.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    reading = Reading(model="wan/2-6-image-to-video", folder=tmp_path)
    ((_, line),) = read(b'{"key": "a", "prompt": "it runs", "image_urls": ["fox.png"], "duration": null}\n', reading)
    assert isinstance(line, InputLine)
    assert line == InputLine("a", Wan26ImageToVideo(prompt="it runs", image_urls=[tmp_path / "fox.png"]))
    ((_, bad),) = read(b'{"prompt": "it runs", "image_urls": ["hen.png"]}\n', reading)
    assert "a file that is there" in str(bad)


# the whole


def test_a_dry_run_tells_price_time_and_repeats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APIKLEY_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    prompts = "\n".join(f"fox {number % 1500},480p" for number in range(2000))
    Path("a.csv").write_text(f"Title,resolution\n{prompts}\n")
    arguments = ["batch", "a.csv", "--model", MODEL.removeprefix("wan/"), "--map", "prompt=Title", "--dry-run"]
    assert run(arguments) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2,000 lines are good: 80,000 credits by the price list",
        "500 of them ask for what an earlier line asks for too: each is made and paid for",
        "at 20 per 10 s they take 16.7 minutes to submit",
    ]
    assert run([*arguments, "--json", "--limit", "40/10"]) == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    assert told["models"] == {MODEL: {"rows": 2000, "credits": 80000, "unpriced": 0}}
    assert {name: told[name] for name in ("rows", "credits", "unpriced", "repeated", "minutes")} == {
        "rows": 2000,
        "credits": 80000,
        "unpriced": 0,
        "repeated": 500,
        "minutes": 8.33,
    }
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


async def test_a_table_in_a_table_out_and_failed_ones_again(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("key,prompt\ngood,a fox\nbad,a wolf\n")
    options = ("--model", MODEL, "--journal", "run.db")
    async with shell(tmp_path, Fault("fail", match="wolf", times=1, message="no")) as (provider, wan):
        code, output, errors = await wan("batch", "a.csv", *options, "-o", "out.csv")
        assert code == 1, errors
        assert "1 made, 1 failed, 0 unknown" in output
        with (tmp_path / "out.csv").open(newline="") as file:
            found = {row["key"]: row for row in csv.DictReader(file)}
        assert (found["good"]["ok"], found["bad"]["error_type"]) == ("true", "TaskFailedError")
        code, _, errors = await wan("batch", "a.csv", *options, "--output", "out.parquet", "--retry-failed")
        assert code == 0, errors
        code, output, errors = await wan("batch", "a.csv", *options, "--output", "-")
        assert [msgspec.json.decode(line)["ok"] for line in output.splitlines()] == [True, True]
        assert "2 made, 0 failed" in errors
        code, output, _ = await wan("batch", "a.csv", *options, "--output", "out.jsonl", "--json")
        assert {**msgspec.json.decode(output), "credits": 0} == {
            "made": 2,
            "failed": 0,
            "unknown": 0,
            "not_downloaded": 0,
            "left": 0,
            "credits": 0,
            "credits_in_this_run": 0.0,
            "output": str(tmp_path / "out.jsonl"),
            "journal": str(tmp_path / "run.db"),
        }
        code, _, errors = await wan("batch", "a.csv", "--model", MODEL, "--output", "out.xlsx")
        assert (code, "--output: 'out.xlsx'" in errors) == (2, True)
    table = parquet_rows(tmp_path / "out.parquet")
    assert {row["key"]: row["ok"] for row in table} == {"good": True, "bad": True}
    assert provider.stats.created == 3
    assert not list(tmp_path.glob("*.part"))


async def test_a_default_journal_of_other_rows_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    for name, prompt in (("a.csv", "a fox"), ("b.tsv", "a hen"), ("a.tsv", "a cow")):
        (tmp_path / name).write_text(f"prompt\n{prompt}\n")
    async with shell(tmp_path) as (provider, run):
        assert (await run("batch", "a.csv", "--model", MODEL, "-o", "out.jsonl"))[0] == 0
        code, _, errors = await run("batch", "b.tsv", "--model", MODEL, "-o", "out.csv")
        assert code == 2
        assert "out.db is the journal of other rows, perhaps of out.jsonl: --journal out.csv.db keeps" in errors
        assert provider.stats.created == 1
        assert (await run("batch", "a.csv", "--model", MODEL, "-o", "out.csv"))[0] == 0  # the same in another format
        assert provider.stats.created == 1
        (tmp_path / "out.csv").unlink()
        for journal in ("out.csv.db", "out.db"):  # what was asked for is done
            assert (await run("batch", "b.tsv", "--model", MODEL, "-o", "out.csv", "--journal", journal))[0] == 0
        assert provider.stats.created == 3
        assert (await run("batch", "a.csv", "--model", MODEL))[0] == 0
        code, _, errors = await run("batch", "a.tsv", "--model", MODEL)
        assert code == 2
        assert "perhaps of a.csv: --output a.tsv.out.jsonl keeps" in errors
        (tmp_path / "a.csv").write_text("prompt\na pig\n")  # a list that changes is told by `line`, as ever
        (tmp_path / "a.tsv").unlink()
        assert (await run("batch", "a.csv", "--model", MODEL))[0] == 0


async def test_what_still_runs_after_max_wait_has_not_failed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prompt\na fox\n")
    async with shell(tmp_path, seconds=2.0) as (provider, run):
        code, output, errors = await run("batch", "a.csv", "--model", MODEL, "--max-wait", "0")
        assert (code, output.partition(";")[0]) == (1, "0 made, 0 failed, 0 unknown, 1 not done yet")
        assert "wan-async: 1 still run after --max-wait; run the same again to go on from" in errors
        code, output, _ = await run("batch", "a.csv", "--model", MODEL)
        assert (code, output.partition(";")[0]) == (0, "1 made, 0 failed, 0 unknown")
        assert provider.stats.created == 1


async def test_what_the_system_does_not_allow_is_told_with_what_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prompt\n" + "a fox\n" * 30)
    async with shell(tmp_path, limit=None) as (provider, wan):
        arguments = ("batch", "a.csv", "--model", MODEL, "--limit", "1000/1", "--no-progress")
        limited = f"ulimit -n 24; exec {sys.executable} -m wan_async {shlex.join(arguments)} --download-to clips"
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", limited), cwd=tmp_path, env=wan.environment, stderr=asyncio.subprocess.PIPE
        )
        _, errors = await process.communicate()
        told = errors.decode().splitlines()
        assert process.returncode in {1, 2, 3}, told
        assert "too many open files" in told[-1].lower()
        code, _, errors = await wan(*arguments, "--download-to", "clips")
    assert code == 0, errors
    assert provider.stats.created == 30


async def test_the_service_that_cannot_be_reached_is_named_and_uses_up_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prompt\n" + "a fox\n" * 200)
    async with shell(tmp_path) as (provider, wan):
        url = wan.environment["APIKLEY_BASE_URL"]
        wan.environment["APIKLEY_BASE_URL"] = "http://127.0.0.1:9"
        code, output, errors = await wan("batch", "a.csv", "--model", MODEL, "--retry", "1", "--no-progress")
        assert code == 3, errors
        assert "0 made, 0 failed, 0 unknown, 200 not done yet" in output
        assert "127.0.0.1:9" in errors.splitlines()[-1]
        wan.environment["APIKLEY_BASE_URL"] = url
        arguments = ("--model", MODEL, "--limit", "1000/1", "--max-credits", "800", "--no-progress")
        assert (await wan("batch", "a.csv", *arguments))[0] == 3
    assert provider.stats.created == 10
