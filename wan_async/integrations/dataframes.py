"""Data frames of pandas, Polars and Arrow, and Parquet files: rows as inputs, outcomes as rows (extra `frames`).

```python
frame = polars.read_csv("prompts.csv")  # id, prompt, seed, …
async with wan.batch(inputs(frame, "wan/2-2-a14b-text-to-video-turbo", key="id"), journal="run.db") as results:
    made = table([outcome async for outcome in results], backend="polars")
frame.with_columns(polars.col("id").cast(str)).join(made, left_on="id", right_on="key")
```
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from .._batch import Outcome
from .._inputs.allowed import did_you_mean, either
from .._journal import Entry, Journal, State
from .._words import shown
from ..errors import ConfigurationError, InvalidInputError, SubmissionUnknownError, TaskTimeoutError
from ..models import WanInput
from ..models.catalogue import fields_of
from ._rows import input_of, key_of, model_of

if TYPE_CHECKING:
    from types import ModuleType


__all__ = ["Backend", "inputs", "table"]

Backend: TypeAlias = Literal["pandas", "polars", "pyarrow"]
_BACKENDS: tuple[Backend, ...] = ("pandas", "polars", "pyarrow")

_TEXTS = ("key", "state", "model", "input", "task_id", "url", "path", "error_type", "error")
_TIMES = ("created_at", "completed_at")
_NUMBERS = ("cost_time", "credits")


def inputs(
    frame: Any, model: str | type[WanInput], key: str | None = "id", *, columns: Mapping[str, str] | None = None
) -> Iterator[tuple[str, WanInput]]:
    """The inputs of a data frame, for `WanClient.batch`, a row at a time.

    Columns named like fields of the model are its input, others are left alone, and an empty cell (None, NaN, NA)
    leaves its field out. A row that is refused is that item's error, not the batch's.

    Args:
        frame: a data frame of pandas, Polars or Arrow, lazy ones too, or the path of a Parquet file.
        model: the model's name on the wire, or its class.
        key: the column of the keys, which become text; None: keys are made of the content.
        columns: of fields whose column is called otherwise, the column.

    Raises:
        InvalidInputError: an unknown model, or a column that is missing.
        ConfigurationError: no data frame, or the extra `frames` is not installed.
    """
    cls = model_of(model)
    rows = _opened(frame)
    named = {name: (columns or {}).get(name, name) for name in fields_of(cls)}
    _check_columns(rows.columns, cls, named, columns or {}, key)
    there = {name: column for name, column in named.items() if column in rows.columns}
    return _pairs(rows, cls, there, key)


def table(
    outcomes: Iterable[Outcome] | Journal | str | os.PathLike[str],
    *,
    backend: Backend | None = None,
    to: str | os.PathLike[str] | None = None,
) -> Any:
    """Outcomes, or all items of a journal, as a data frame.

    Its columns: `key`, `state` (a journal's words: done, failed, unknown, running, …), `model`, `input` (JSON),
    `task_id`, `url`, `urls`, `path`, `cost_time` (seconds), `credits` (consumed; of a journal's items the list price
    where that is not known), `created_at` and `completed_at` (UTC), `error_type`, `error`, `replayed`.

    Args:
        outcomes: outcomes, or a journal or where it is.
        backend: whose data frame it is; None: of the one that is loaded, else of the first that is installed.
        to: a Parquet file to write it to as well, put in its place when it is whole.

    Raises:
        ConfigurationError: nothing that can be made a table, or what is needed is not installed.
        JournalError: the journal cannot be read.
        OSError: the file cannot be written.
    """
    nw, chosen = _narwhals(), _chosen(backend)
    rows = [_row_of(one) for one in _listed(outcomes)]
    kinds = {
        **dict.fromkeys(_TEXTS, nw.String()),
        **dict.fromkeys(_NUMBERS, nw.Float64()),
        **dict.fromkeys(_TIMES, nw.Datetime("us", "UTC")),
        "replayed": nw.Boolean(),
    }
    made = nw.from_dict({name: [row[name] for row in rows] for name in kinds}, kinds, backend=chosen)
    links = None if chosen == "pandas" else nw.List(nw.String())  # pandas' own lists are objects
    made = made.with_columns(nw.new_series("urls", [row["urls"] for row in rows], links, backend=chosen))
    if to is not None:
        _write(made, Path(to))
    return made.to_native()


# rows in


def _opened(frame: Any) -> Any:
    """The data frame as narwhals has it."""
    nw = _narwhals()
    try:
        if isinstance(frame, (str, os.PathLike)):
            return nw.read_parquet(os.fspath(cast("str", frame)), backend=_chosen(None))
        rows = nw.from_native(frame)
    except TypeError:
        allowed = "a data frame of pandas, Polars or Arrow, or the path of a Parquet file"
        raise ConfigurationError(f"frame: {shown(cast('object', frame))} is not allowed; allowed: {allowed}") from None
    return rows.collect() if isinstance(rows, nw.LazyFrame) else rows


def _check_columns(
    there: list[str], cls: type[WanInput], named: Mapping[str, str], columns: Mapping[str, str], key: str | None
) -> None:
    for name, column in columns.items():
        if name not in named:
            raise InvalidInputError("columns", name, f"fields of {cls.model}{did_you_mean(name, named)}")
        if column not in there:
            raise InvalidInputError("columns", column, f"columns of the frame: {', '.join(there)}")
    if key is not None and key not in there:
        raise InvalidInputError("key", key, f"a column of the frame, or None{did_you_mean(key, there)}")
    for name, column in named.items():
        if fields_of(cls)[name].required and column not in there:
            hint = did_you_mean(column, there)
            raise InvalidInputError(name, None, f"a column of that name, or columns={{{name!r}: …}}{hint}")


def _pairs(rows: Any, cls: type[WanInput], there: Mapping[str, str], key: str | None) -> Iterator[Any]:
    for row in rows.iter_rows(named=True):
        made = input_of(cls, {name: row[column] for name, column in there.items()})
        yield made if key is None else (key_of(row[key]), made)


# rows out


def _listed(outcomes: Iterable[Outcome] | Journal | str | os.PathLike[str]) -> Iterable[Outcome | Entry]:
    if isinstance(outcomes, (str, os.PathLike)):
        with Journal.open_readonly(cast("str", outcomes)) as journal:
            return list(journal.entries())
    if isinstance(outcomes, Journal):
        return outcomes.entries()
    if isinstance(outcomes, Iterable):
        return outcomes
    raise ConfigurationError(f"outcomes: {shown(outcomes)} is not allowed; allowed: a list of outcomes, or a journal")


def _row_of(one: Outcome | Entry) -> dict[str, Any]:
    if not isinstance(one, Outcome | Entry):
        raise ConfigurationError(f"outcomes: {shown(one)} is not allowed; allowed: outcomes")
    row: dict[str, Any] = dict.fromkeys((*_TEXTS, *_TIMES, *_NUMBERS, "urls", "replayed"))
    if one.record is not None:
        names = ("url", *_TIMES, *_NUMBERS)
        row |= {"urls": list(one.record.urls), **{name: getattr(one.record, name) for name in names}}
    if one.error is not None:
        row |= {"error_type": type(one.error).__name__, "error": str(one.error)}
    row |= {"key": one.key, "task_id": one.task_id, "path": None if one.path is None else os.fspath(one.path)}
    if isinstance(one, Entry):
        own = {"state": one.state.value, "model": one.model, "input": one.input.decode(), "credits": one.credits}
        return row | own
    asked = {} if one.input is None else {"model": one.input.model, "input": one.input.content().decode()}
    return row | asked | {"state": _state(one).value, "replayed": one.replayed}


def _state(outcome: Outcome) -> State:
    match outcome.error:
        case _ if outcome.ok:
            return State.DONE
        case SubmissionUnknownError():
            return State.UNKNOWN
        case TaskTimeoutError():
            return State.RUNNING
        case _:
            return State.FAILED


def _write(made: Any, path: Path) -> None:
    part = path.with_name(f"{path.name}.new")
    try:
        made.write_parquet(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


# libraries


def _narwhals() -> ModuleType:
    try:
        import narwhals
    except ModuleNotFoundError:
        raise ConfigurationError("narwhals is not installed: pip install 'wan-async[frames]'") from None
    return narwhals


def _chosen(backend: Backend | None) -> Backend:
    """The library that is asked for, else the one in use.

    Raises:
        ConfigurationError: no such library, or it is not installed.
    """
    if backend is not None and backend not in _BACKENDS:
        raise ConfigurationError(f"backend: {shown(backend)} is not allowed; allowed: {either(_BACKENDS)}")
    wanted = _BACKENDS if backend is None else (backend,)
    for is_there in (sys.modules.get, find_spec):
        for name in wanted:
            if is_there(name) is not None:
                return name
    raise ConfigurationError(f"backend: {either(wanted)} is not installed: pip install {wanted[0]}")
