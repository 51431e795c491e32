"""What callers give: any key that is text, any input that can be written; a bad row is just a row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from wan_async import CustomInput, InvalidInputError, JournalError, Outcome, WanInput

from .memory_store import MemoryJournal
from .support import Provider, clip, collect, keyed

RUN = Path("run.db")


class Marked(str):
    """Text of another library: written like text, shown otherwise."""

    def __str__(self) -> str:
        return f"<b>{super().__str__()}</b>"


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> MemoryJournal:
    journal = MemoryJournal()
    monkeypatch.setattr("wan_async._journal.open_store", journal.open, raising=False)
    return journal


@pytest.mark.parametrize("where", [None, "a folder"])
async def test_keys_of_another_class_are_text_and_the_next_run_goes_on(where: str | None, tmp_path: Path) -> None:
    provider, path = Provider(), None if where is None else tmp_path / "run.db"
    inputs = [(Marked(key), clip(key)) for key in ("a", "b")]
    first = await collect(provider.batch(inputs, path))
    assert [(outcome.key, type(outcome.key)) for outcome in first] == [("a", str), ("b", str)]
    if path is not None:
        again = await collect(provider.batch([*inputs, ("c", clip("c"))], path))
        assert [(outcome.key, outcome.replayed) for outcome in again] == [("a", True), ("b", True), ("c", False)]
        assert set(provider.created.values()) == {1}


def bad_rows() -> Iterator[Any]:
    yield "half \ud83d", clip("a key with a lone surrogate")
    yield b"bytes", clip("no text")
    yield "", clip("empty")
    yield None, clip("none")
    yield "none", None
    yield 5


@pytest.mark.parametrize("journalled", [False, True])
@pytest.mark.parametrize("row", list(bad_rows()), ids=ascii)
async def test_a_bad_row_is_that_rows_error(row: object, journalled: bool, tmp_path: Path) -> None:
    provider, path = Provider(), tmp_path / "run.db" if journalled else None
    outcomes = await collect(provider.batch([*keyed("a"), row, *keyed("b")], path))
    by_index = {outcome.index: outcome for outcome in outcomes}
    assert [by_index[index].ok for index in range(3)] == [True, False, True]
    if not by_index[1].ok:
        assert isinstance(by_index[1].error, InvalidInputError)
        assert isinstance(by_index[1].key, str)


@pytest.mark.parametrize("key", [None, "mine"])
async def test_an_input_that_was_changed_to_what_is_no_json_is_that_rows_error(key: str | None, tmp_path: Path) -> None:
    fields: dict[str, Any] = {"prompt": "a fox"}
    custom = CustomInput("wan/new", fields)
    fields["object"] = object()
    custom.input["object"] = object()
    inputs = [clip("a"), custom if key is None else (key, custom), clip("b")]
    outcomes = await collect(Provider().batch(inputs, tmp_path / "run.db"))
    assert sorted((outcome.index, outcome.ok) for outcome in outcomes) == [(0, True), (1, False), (2, True)]


async def test_items_before_a_failing_source_are_looked_up_and_the_error_comes_after_them(
    journal: MemoryJournal,
) -> None:
    provider = Provider()
    await collect(provider.batch(keyed("a", "b"), RUN))

    def inputs() -> Iterator[Any]:
        yield from keyed("a", "b")
        yield "a", clip("changed")
        raise RuntimeError("the source broke")

    outcomes: list[Outcome] = []
    async with provider.batch(inputs(), RUN) as results:
        with pytest.raises(RuntimeError, match="the source broke"):
            async for outcome in results:
                outcomes.append(outcome)
    assert [(outcome.key, type(outcome.error)) for outcome in outcomes] == [
        ("a", type(None)),
        ("b", type(None)),
        ("a", JournalError),
    ]


async def test_known_items_pass_in_pages_and_without_a_coroutine_each(journal: MemoryJournal) -> None:
    provider, keys = Provider(), [f"k{number}" for number in range(5000)]
    await collect(provider.batch(keyed(*keys), RUN, most=2000))
    batch = provider.batch(keyed(*keys), RUN, most=2000, replay=False)
    most = 0
    async with batch as results:
        next_one = asyncio.ensure_future(anext(results, None))
        while not next_one.done():
            most = max(most, len(asyncio.all_tasks()))
            await asyncio.sleep(0)
    assert most < 10
    assert batch.stats.pulled == 5000
    pages = [row.worker.log.count("look_up") for row in journal.rows.values()]
    assert max(pages) < 5


async def test_an_async_source_is_pulled_one_by_one_and_closed() -> None:
    closed = pulled = 0

    async def inputs() -> AsyncIterator[WanInput]:
        nonlocal closed, pulled
        try:
            while True:
                pulled += 1
                yield clip(pulled)
        finally:
            closed += 1

    provider = Provider()
    await collect(provider.batch(inputs(), most=3), stop_after=10)
    assert closed == 1
    assert pulled <= 14


async def test_what_is_pulled_waits_for_no_more_turns_than_there_are() -> None:
    """Pulled late, an item is fresh, and a stop leaves few behind."""
    provider = Provider()
    provider.held = asyncio.Event()
    batch = provider.batch((clip(number) for number in range(100_000)), most=10_000)
    async with batch:
        await asyncio.sleep(0.05)
        assert 32 <= batch.stats.pulled <= 80
