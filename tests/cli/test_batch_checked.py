"""All lines before any: their keys, and the same lines again while the batch runs."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest

from wan_async import ConfigurationError, InvalidInputError, Wan22TextToVideoTurbo, WanError, WanInput
from wan_async._batch import Outcome
from wan_async._cli.batch.check import Checked, Priced, Sum, again, check, keeping
from wan_async._cli.batch.rows import Reading
from wan_async._journal import open_store
from wan_async._journal.store import Asked, Fresh

from .batch_program import MODEL, asks


@pytest.fixture
def checked() -> Generator[Checked]:
    with keeping() as empty:
        yield empty


def text(*lines: object) -> io.BytesIO:
    return io.BytesIO(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def refusals(
    file: io.BytesIO, checked: Checked, *, custom: bool = False, priced: bool = False
) -> list[tuple[int, str]]:
    """The bad lines, and the field of each."""
    told: list[tuple[int, InvalidInputError]] = []
    reading = Reading(custom=custom)
    found = check(file, checked, lambda number, error: told.append((number, error)), reading, priced=priced)
    assert found.bad == len(told)
    return [(number, error.field) for number, error in told]


def ended(key: str, task_input: WanInput | None) -> Outcome:
    return Outcome(index=99, key=key, input=task_input)


def fox(prompt: str) -> WanInput:
    return Wan22TextToVideoTurbo(prompt=prompt, resolution="480p")


def test_every_bad_line_is_told_and_the_good_ones_are_counted(checked: Checked) -> None:
    file = text(asks("a"), {"model": 1}, asks("b"), 7, asks("c", input={}))
    assert refusals(file, checked) == [(2, "input"), (4, "the line"), (5, "prompt")]


def test_the_good_ones_are_summed_up(checked: Checked) -> None:
    file = text(asks("a"), asks("b"), asks("c", model="new", input={}))
    found = check(file, checked, print, Reading(custom=True), priced=False)
    assert found == Sum(bad=0, by_model={MODEL: Priced(2, 80.0), "new": Priced(1, 0.0, 1)})
    assert (found.good, found.credits, found.unpriced, checked.repeated) == (3, 80.0, 1, 0)


def test_with_a_budget_what_has_no_price_is_bad(checked: Checked) -> None:
    file = text(asks("a"), asks("c", model="new", input={}))
    assert refusals(file, checked, custom=True, priced=True) == [(2, "model")]


def test_a_key_stands_in_one_line(checked: Checked) -> None:
    told: list[str] = []
    file = text(asks("a", "k"), asks("b", "l"), asks("a", "k"), asks("c", "k"))
    check(file, checked, lambda number, error: told.append(f"{number} {error}"), Reading(), priced=False)
    assert [line[:8] for line in told] == ["3 key: '", "4 key: '"]
    assert all("line 1 has this one" in line for line in told)


def test_a_key_that_the_journal_would_make_is_taken_too(checked: Checked) -> None:
    check(text(asks("a")), checked, print, Reading(), priced=False)
    ((made, _),) = again(text(asks("a")), checked, Reading())
    with keeping() as other:
        assert refusals(text(asks("a"), asks("b", made)), other) == [(2, "key")]


async def test_without_keys_they_are_those_that_the_journal_makes(checked: Checked, tmp_path: Path) -> None:
    prompts = ["a", "b", "a", "a", "b"]
    file = text(*map(asks, prompts))
    assert refusals(file, checked) == []
    assert checked.repeated == 3
    store = await open_store(tmp_path / "run.db", replay=True, failed=print)
    known = await store.look_up([Asked("", MODEL, fox(prompt).content()) for prompt in prompts])
    await store.aclose()
    assert [Fresh(key) for key, _ in again(file, checked, Reading())] == known


def test_an_outcome_finds_its_line(checked: Checked) -> None:
    file = io.BytesIO(b"\n" + text(asks("a", "k"), asks("b")).getvalue())
    assert refusals(file, checked) == []
    (_, first), (made, second) = again(file, checked, Reading())
    assert checked.number(ended("k", first)) == 2
    assert checked.number(ended(made, second)) == 3
    assert checked.number(ended("k", fox("of an earlier file"))) is None
    assert checked.number(ended("gone", first)) is None
    assert checked.number(ended("k", None)) is None


CHANGES = {
    "another prompt": [asks("a", "k"), asks("x")],
    "another key": [asks("a", "x"), asks("b")],
    "a key where none was": [asks("a", "k"), asks("b", "x")],
    "no good line": [asks("a", "k"), 7],
    "a line more": [asks("a", "k"), asks("b"), asks("c")],
    "the other order": [asks("b"), asks("a", "k")],
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_a_line_that_was_changed_is_not_sent(checked: Checked, changed: list[object]) -> None:
    before = [asks("a", "k"), asks("b")]
    assert refusals(text(*before), checked) == []
    with pytest.raises(ConfigurationError, match=r"^line \d was changed"):
        list(again(text(*changed), checked, Reading()))


def test_memory_does_not_grow_with_the_lines(checked: Checked) -> None:
    def grown(first: int, count: int) -> int:
        file = text(*(asks(f"fox {number}", f"key-{number}") for number in range(first, first + count)))
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        numbered_from = io.BytesIO(b"\n" * first + file.getvalue())
        assert refusals(numbered_from, checked) == []
        _, peak = tracemalloc.get_traced_memory()
        return peak - before - len(numbered_from.getvalue())

    tracemalloc.start()
    try:
        grown(0, 100)
        assert grown(1_000, 5_000) < 600_000  # the keys alone would be half a megabyte
    finally:
        tracemalloc.stop()


def test_a_fault_of_the_temporary_file_is_an_error_of_ours() -> None:
    with pytest.raises(WanError, match="temporary file"), keeping() as checked:
        checked._database.execute("DROP TABLE item")  # pyright: ignore[reportPrivateUsage]
        refusals(text(asks("a", "k")), checked)
