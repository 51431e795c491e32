"""What needs no provider: `--check`, and what is refused before one is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from wan_async import ConfigurationError, RateLimit
from wan_async._cli.root import run

from .batch_program import MODEL, asks, foxes, write


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.delenv("APIKLEY_API_KEY", raising=False)
    monkeypatch.setenv("APIKLEY_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)


def test_check_needs_no_key_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.jsonl", asks("fox"), asks("hen"), asks("new", model="wan/9", input={}))
    assert run(["batch", "a.jsonl", "--check", "--custom"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "3 lines are good: 80 credits by the price list, and 1 without a list price",
        f"          2 {MODEL}: 80 credits",
        "          1 wan/9: 0 credits",
    ]
    assert run(["batch", "a.jsonl", "--check"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_check_holds_a_budget_against_the_price_list(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", asks("new", model="wan/9", input={}))
    assert run(["batch", "a.jsonl", "--check", "--custom"]) == 0
    assert run(["batch", "a.jsonl", "--check", "--custom", "--max-credits", "1000"]) == 2


def test_a_hundred_bad_lines_are_printed_and_all_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "a.jsonl", *range(250), asks("fox"))
    assert run(["batch", "a.jsonl", "--check"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[99].startswith("a.jsonl:100: the line: ")
    assert told[100:] == ["wan-async: 250 of 251 lines are bad, 150 of them not shown; nothing was sent"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "api_key: missing"),
        (["--api-key", "k", "--journal", "a.db", "--no-journal"], "exclude each other"),
        (["--api-key", "k", "--output", "a.jsonl"], "files of their own"),
        (["--api-key", "k", "--limit", "20"], "such as 20/10"),
        (["--api-key", "k", "--max-in-flight", "0"], "allowed: an integer ≥ 1"),
        (["--api-key", "k", "--max-credits", "-1"], "allowed: credits, a number ≥ 0"),
    ],
)
def test_a_misuse_is_one_line(
    tmp_path: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    foxes(tmp_path / "a.jsonl", 1)
    assert run(["batch", "a.jsonl", *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1


def test_a_file_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["batch", "none.jsonl"]) == 2
    assert "none.jsonl" in capsys.readouterr().err


def test_the_help_tells_how_to_resume(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["batch", "--help"]) == 0
    told = capsys.readouterr().out
    for words in ("running the same again", "Ctrl-C", "OUTPUT.part", "--resubmit-unknown"):
        assert words in told


def test_only_limits_that_are_given_are_told_to_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, object]] = []

    def refuse(**options: object) -> None:
        told.append(options)
        raise ConfigurationError("not now")

    monkeypatch.setattr("wan_async._cli.batch.client", refuse)
    foxes(tmp_path / "a.jsonl", 1)
    assert run(["batch", "a.jsonl"]) == 2
    assert run(["batch", "a.jsonl", "--limit", "5/2", "--query-limit", "3/1"]) == 2
    assert told == [{}, {"limit": RateLimit(5, per=2.0), "query_limit": RateLimit(3, per=1.0)}]
