"""Data frames in and out, in each of the three libraries."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from wan_async import (
    ConfigurationError,
    InvalidInputError,
    Outcome,
    SubmissionUnknownError,
    TaskRecord,
    TaskState,
    TaskTimeoutError,
    TransportError,
    Wan22TextToVideoTurbo,
    Wan26ImageToVideo,
    WanClient,
)
from wan_async.emulator import Emulator
from wan_async.integrations import dataframes
from wan_async.integrations.dataframes import Backend, inputs, table

pd = pytest.importorskip("pandas", reason="needs pandas")
pl = pytest.importorskip("polars", reason="needs Polars")
pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
pytest.importorskip("narwhals", reason="needs the extra frames")

T2V, I2V = Wan22TextToVideoTurbo.model, Wan26ImageToVideo.model
Make = Callable[[dict[str, list[Any]]], Any]
MAKERS: dict[str, Make] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "polars lazy": pl.LazyFrame,
    "arrow": pa.table,
}
BACKENDS: tuple[Backend, ...] = ("pandas", "polars", "pyarrow")

FOX = Wan22TextToVideoTurbo(prompt="a fox", seed=7)


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKERS[request.param]


def rows(frame: Any) -> list[dict[str, Any]]:
    import narwhals

    return list(narwhals.from_native(frame).iter_rows(named=True))


# rows in


def test_columns_are_fields_and_empty_cells_are_left_out(make: Make) -> None:
    frame = make({"id": ["x", "y"], "prompt": ["a fox", "a hen"], "seed": [7, None], "price_paid": [1.5, None]})
    assert list(inputs(frame, T2V)) == [("x", FOX), ("y", Wan22TextToVideoTurbo(prompt="a hen"))]


@pytest.mark.parametrize("ids", [[1, 2], [1.0, 2.0]])
def test_numbers_are_keys_as_text(make: Make, ids: list[Any]) -> None:
    frame = make({"id": ids, "prompt": ["a", "b"]})
    assert [key for key, _ in inputs(frame, Wan22TextToVideoTurbo)] == ["1", "2"]


def test_without_a_key_column_the_content_makes_the_keys(make: Make) -> None:
    assert list(inputs(make({"prompt": ["a fox"], "seed": [7]}), T2V, key=None)) == [FOX]


def test_a_column_may_be_called_otherwise(make: Make) -> None:
    frame = make({"nr": ["x"], "Title": ["a fox"], "seed": [7]})
    assert list(inputs(frame, T2V, key="nr", columns={"prompt": "Title"})) == [("x", FOX)]


def test_lists_and_texts_are_links(make: Make) -> None:
    link = "https://example.com/fox.png"
    wanted = Wan26ImageToVideo(prompt="a fox", image_urls=[link], duration=5)
    for cell in (link, [link]):
        frame = make({"id": ["x"], "prompt": ["a fox"], "image_urls": [cell], "duration": [5.0]})
        assert list(inputs(frame, I2V)) == [("x", wanted)]


def test_pandas_own_kinds_of_empty_cells_and_numbers() -> None:
    frame = pd.DataFrame(
        {
            "id": pd.array(["x", "y"], dtype="string"),
            "prompt": pd.array(["a fox", "a fox"], dtype="string"),
            "seed": pd.array([7, None], dtype="Int64"),
            "resolution": pd.Categorical(["480p", None]),
            "enable_prompt_expansion": pd.array([True, None], dtype="boolean"),
        }
    )
    first, second = [asked for _, asked in inputs(frame, T2V)]
    expected = Wan22TextToVideoTurbo(prompt="a fox", seed=7, resolution="480p", enable_prompt_expansion=True)
    assert (first, second) == (expected, Wan22TextToVideoTurbo(prompt="a fox"))


def test_a_bad_row_is_just_a_row(make: Make) -> None:
    frame = make({"id": ["x", None, "z"], "prompt": ["a fox", "a fox", None], "seed": [7, -1, 7]})
    (_, good), (key, bad), (_, lacking) = list[Any](inputs(frame, T2V))
    assert good == FOX
    assert key is None
    assert (bad.field, bad.given) == ("seed", -1)
    assert str(lacking) == "prompt: missing; this field is required"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": "wan/nix"}, "model: 'wan/nix' is not allowed"),
        ({"key": "ID"}, "key: 'ID' is not allowed; allowed: a column of the frame, or None; did you mean 'id'"),
        ({"columns": {"promt": "id"}}, "columns: 'promt' is not allowed.*did you mean 'prompt'"),
        (
            {"columns": {"prompt": "Title"}},
            "columns: 'Title' is not allowed; allowed: columns of the frame: id, Prompt",
        ),
        ({}, "prompt: .*allowed: a column of that name, or columns=.*did you mean 'Prompt'"),
    ],
)
def test_what_would_hit_every_row_is_refused_at_once(make: Make, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        given: dict[str, Any] = {"model": T2V, **arguments}
        inputs(make({"id": ["x"], "Prompt": ["a fox"]}), **given)


@pytest.mark.parametrize("frame", [5, None, [{"prompt": "x"}]])
def test_what_is_no_frame_is_refused(frame: Any) -> None:
    with pytest.raises(ConfigurationError, match="allowed: a data frame of pandas, Polars or Arrow"):
        inputs(frame, T2V)


def test_rows_come_from_parquet(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"id": [1], "prompt": ["a fox"], "seed": [7]}), path)
    assert list(inputs(path, T2V)) == list(inputs(str(path), T2V)) == [("1", FOX)]


# rows out

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
RECORD = TaskRecord(
    task_id="t1", state=TaskState.SUCCESS, urls=("https://h/1.mp4", "https://h/2.mp4"), completed_at=WHEN, credits=40.0
)
OUTCOMES = [
    Outcome(index=0, key="x", input=FOX, task_id="t1", record=RECORD, path=Path("clips/x.mp4"), replayed=True),
    Outcome(index=1, key="y", input=FOX, error=SubmissionUnknownError("lost")),
    Outcome(index=2, key="z", input=FOX, task_id="t3", error=TaskTimeoutError("t3")),
    Outcome(index=3, key="?", input=None, error=InvalidInputError("prompt", "", "text")),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("count", [0, 4])
def test_outcomes_are_rows_and_go_through_parquet(tmp_path: Path, backend: Backend, count: int) -> None:
    made = table(OUTCOMES[:count], backend=backend, to=tmp_path / "out.parquet")
    assert type(made).__module__.partition(".")[0] == backend
    found = rows(made)
    stored = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["key"] for row in stored] == [row["key"] for row in found] == ["x", "y", "z", "?"][:count]
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]
    if not count:
        return
    assert [row["state"] for row in stored] == ["done", "unknown", "running", "failed"]
    first, last = stored[0], stored[3]
    assert first["input"] == '{"prompt":"a fox","seed":7}'
    assert (first["url"], first["urls"], first["credits"]) == (RECORD.url, list(RECORD.urls), 40.0)
    assert (first["completed_at"], first["created_at"], first["replayed"]) == (WHEN, None, True)
    assert first["path"] == str(Path("clips/x.mp4"))
    assert (last["error_type"], last["model"], last["urls"]) == ("InvalidInputError", None, None)


async def test_a_batch_of_a_frame_and_its_journal_as_tables(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": [1, 2, 3], "prompt": ["a fox", "a hen", " "]})
    emulator = Emulator("k", seconds=0.05, limit=None, query_limit=None, render=False)
    async with (
        emulator.serve() as url,
        WanClient("k", base_url=url) as wan,
        wan.batch(inputs(frame, T2V), journal=tmp_path / "run.db") as results,
    ):
        outcomes = [outcome async for outcome in results]
    made = table(outcomes, backend="polars")
    joined = frame.with_columns(pl.col("id").cast(pl.String)).join(made, left_on="id", right_on="key")
    assert dict(zip(joined["id"], joined["state"], strict=True)) == {"1": "done", "2": "done", "3": "failed"}
    assert "prompt" in joined.filter(pl.col("id") == "3")["error"].item()
    kept = table(tmp_path / "run.db", backend="polars").sort("key")
    assert kept["key"].to_list() == ["1", "2"]
    assert kept["url"].to_list() == made.sort("key")["url"].to_list()[:2]


@pytest.mark.parametrize("given", [5, [5], None])
def test_what_is_no_outcome_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"outcomes: .* allowed: "):
        table(given)


# libraries


def test_the_library_in_use_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in BACKENDS:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "polars", pl)
    assert isinstance(table(OUTCOMES), pl.DataFrame)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> None:
        return None

    with pytest.raises(ConfigurationError, match="backend: 'spark' is not allowed; allowed: 'pandas' or"):
        table([], backend="spark")  # pyright: ignore[reportArgumentType]
    monkeypatch.setattr(dataframes, "find_spec", found)
    monkeypatch.delitem(sys.modules, "polars")
    with pytest.raises(ConfigurationError, match="pip install polars"):
        table([], backend="polars")
    monkeypatch.setitem(sys.modules, "narwhals", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'wan-async\[frames\]'"):
        inputs(pd.DataFrame({"id": []}), T2V)


async def test_a_clip_that_could_not_be_fetched_is_done_and_says_why() -> None:
    outcome = Outcome(index=0, key="x", input=FOX, task_id="t1", record=RECORD, error=TransportError("broke"))
    (row,) = rows(table([outcome], backend="pyarrow"))
    assert (row["state"], row["path"], row["error"]) == ("done", None, "broke")
