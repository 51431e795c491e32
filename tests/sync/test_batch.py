"""A batch without `await`: outcomes as they come, inputs pulled where they are taken."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wan_async import ConfigurationError, Wan22TextToVideoTurbo, WanInput
from wan_async.emulator import Emulator
from wan_async.sync import WanClient


def clip(number: int) -> Wan22TextToVideoTurbo:
    return Wan22TextToVideoTurbo(prompt=f"fox {number}")


@pytest.mark.parametrize("journalled", [True, False])
def test_outcomes_come_as_tasks_end(wan: WanClient, emulator: Emulator, tmp_path: Path, journalled: bool) -> None:
    journal = tmp_path / "run.db" if journalled else None
    for replayed in (False, True) if journalled else (False,):
        with wan.batch([clip(number) for number in range(30)], journal=journal, max_in_flight=10) as results:
            outcomes = list(results)
        assert sorted(outcome.index for outcome in outcomes) == list(range(30))
        assert all(outcome.ok for outcome in outcomes)
        assert all(outcome.replayed is replayed for outcome in outcomes)
    assert emulator.stats.created == 30


def test_inputs_are_pulled_in_the_thread_that_takes_the_outcomes(wan: WanClient, tmp_path: Path) -> None:
    """As a cursor of SQLite asks for, or a session of an ORM."""
    database = sqlite3.connect(tmp_path / "rows.db")
    database.execute("create table row (prompt)")
    database.executemany("insert into row values (?)", [(f"fox {number}",) for number in range(20)])
    threads: set[int] = set()

    def rows() -> Iterator[tuple[str, WanInput]]:
        for (prompt,) in database.execute("select prompt from row"):
            threads.add(threading.get_ident())
            yield prompt, Wan22TextToVideoTurbo(prompt=prompt)

    with wan.batch(rows(), max_in_flight=5) as results:
        keys = {outcome.key for outcome in results}
        assert results.stats.succeeded == 20
    assert len(keys) == 20
    assert threads == {threading.get_ident()}
    database.close()


def test_an_iterable_that_fails_ends_the_batch_when_its_tasks_have_ended(wan: WanClient, emulator: Emulator) -> None:
    def rows() -> Iterator[WanInput]:
        yield from (clip(number) for number in range(3))
        raise LookupError("no more rows")

    got: list[int] = []
    with wan.batch(rows()) as results, pytest.raises(LookupError, match="no more rows"):
        got.extend(outcome.index for outcome in results)
    assert sorted(got) == [0, 1, 2]
    assert emulator.stats.created == 3


def test_an_interrupt_in_the_iterable_comes_out(wan: WanClient) -> None:
    def rows() -> Iterator[WanInput]:
        yield clip(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), wan.batch(rows()) as results:
        for _ in results:
            pass


def test_a_loop_that_is_left_early_leaves_nothing_behind(wan: WanClient, emulator: Emulator) -> None:
    def rows() -> Iterator[WanInput]:
        number = 0
        while True:
            yield clip(number)
            number += 1

    with wan.batch(rows(), max_in_flight=4) as results:
        for outcome in results:
            assert outcome.ok
            break
    created = emulator.stats.created
    assert wan.run(clip(-1)).url
    assert emulator.stats.created == created + 1


def test_a_stopped_batch_hands_over_what_runs(wan: WanClient) -> None:
    with wan.batch((clip(number) for number in range(1000)), max_in_flight=4) as results:
        next(results)
        results.stop()
        rest = list(results)
    assert len(rest) < 20


def test_arguments_are_refused_at_once(wan: WanClient) -> None:
    with pytest.raises(ConfigurationError, match="max_in_flight"):
        wan.batch([], max_in_flight=0)
    with pytest.raises(ConfigurationError, match="inputs"):
        wan.batch(5)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="inside"):
        next(wan.batch([clip(0)]))
