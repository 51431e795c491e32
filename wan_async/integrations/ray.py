"""Clips on Ray Data: rows in, rows out as clips finish (extra `ray`).

```python
dataset = ray.data.read_parquet("s3://bucket/prompts/")  # id, prompt, seed, …
clips = generate(
    dataset, "wan/2-2-a14b-text-to-video-turbo", key="id", journal="postgresql://host/db#clips", download_to="s3://…"
)
clips.write_parquet("s3://bucket/clips/", min_rows_per_file=1000)
```

The rules:

- Each row is a block and a task of its own on an actor that runs many at once, so a slow clip holds up no other row.
  (Ray gathers what an asynchronous generator yields until its batch has ended: ray-project/ray#65038.)
- Ray runs a row again when its actor dies. The journal knows its key: nothing is paid twice, its outcome comes again.
- A row that fails is a row, with `error` and `error_type`. What hits every row, such as an empty account, ends the job.
- What may be secret (the journal's URL, the client's arguments) goes to the workers as an object of Ray's, not in the
  plan. `client` and `journal` may be callables too, which are called on the worker.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from .._batch import Batch, Outcome
from .._inputs.allowed import did_you_mean
from .._limits.storage import StoredLimits
from ..errors import InvalidInputError, WanError
from ..models import WanInput
from ..models.catalogue import fields_of
from ._engines import FACTS, ClientArguments, OpenClient, client_on_worker, facts_of, shared_journal
from ._open_batch import OpenBatch
from ._rows import input_of, key_of, model_of

try:
    import ray
    import ray.data.block as blocks
    from ray import data
    from ray.data import ActorPoolStrategy, Dataset
    from ray.data.dataset import MaterializedDataset
except ModuleNotFoundError as _missing:
    raise ModuleNotFoundError(f"ray is not installed: pip install 'wan-async[ray]' ({_missing})", name="ray") from None

if TYPE_CHECKING:
    from ray import ObjectRef

pa: Any = import_module("pyarrow")  # it has no types
_ray: Any = ray  # its types have holes
_data: Any = data
__all__ = ["ClipGenerator", "generate"]

_OLD = "max_concurrent_calls_per_actor" not in signature(ActorPoolStrategy).parameters
"""As Ray 2.50, which was tested by hand."""

Model: TypeAlias = str | type[WanInput] | Callable[[dict[str, Any]], WanInput]

_TYPES: dict[str, Any] = {
    **dict.fromkeys(FACTS, pa.string()),
    "urls": pa.list_(pa.string()),
    "credits": pa.float64(),
    "replayed": pa.bool_(),
}

CPUS = 0.1
"""Of an actor, for Ray's account: it waits."""

FEW = 2_000
"""Rows at most that are split by the caller's process, at some 2 ms each."""


def generate(
    dataset: Dataset,
    model: Model,
    *,
    key: str = "key",
    journal: str | Callable[[], str],
    limit_storage: str | StoredLimits | None = None,
    download_to: str | os.PathLike[str] | None = None,
    client: ClientArguments | Callable[[], ClientArguments] | None = None,
    workers: int = 2,
    max_in_flight: int = 100,
    max_credits: float | None = None,
) -> Dataset:
    """A clip for each row. The rows come out as clips finish, with their own columns and `FACTS`, which replace theirs.

    Args:
        dataset: the rows.
        model: the model's name on the wire, or its class: columns named like its fields are its input, and an empty
            cell leaves its field out; or a callable that makes a row's input of it.
        key: the column of the keys, which become text.
        journal: "postgresql://user@host/db#name", or a function that gives it on the worker.
        limit_storage: place of the account's windows; left out, `WAN_ASYNC_LIMIT_STORAGE`, else the journal's server.
        download_to: as of `WanClient.batch`; on more than one machine an object store, or a folder that all see.
        client: arguments of `WanClient`, or a function that makes them on the worker: keys from a secret store.
        workers: actors.
        max_in_flight: rows at once, of each actor.
        max_credits: the budget of the whole journal, all workers together.

    Raises:
        ConfigurationError: the journal is none that workers can share.
        InvalidInputError: an unknown model.
    """
    given = journal if callable(journal) else shared_journal(journal)
    if isinstance(model, str):
        model_of(model)
    rows: Any = _one_row_a_block(dataset)
    return rows.map_batches(
        ClipGenerator,
        fn_constructor_args=(model,),
        fn_constructor_kwargs={
            "key": key,
            "journal": _ray.put(given),
            "limit_storage": _ray.put(limit_storage),
            "client": _ray.put(client),
            "download_to": download_to,
            "max_in_flight": max_in_flight,
            "max_credits": max_credits,
        },
        batch_size=None,
        batch_format="pyarrow",
        num_cpus=CPUS,
        **_at_once(workers, max_in_flight),
    )


def _one_row_a_block(dataset: Dataset) -> Dataset:
    """The same rows; what is in memory is split here, as Ray hands on ten blocks a second of each task that splits."""
    if isinstance(dataset, MaterializedDataset) and 0 < dataset.count() <= FEW:
        tables = _ray.get(cast("Any", dataset).to_arrow_refs())
        rows = [table.slice(number, 1) for table in tables for number in range(table.num_rows)]
        return _data.from_arrow(rows)
    return dataset.repartition(target_num_rows_per_block=1)


def _at_once(workers: int, calls: int) -> dict[str, Any]:
    """Arguments of `map_batches`: so many actors, so many calls at once on each, and restarts without end."""
    if not _OLD:  # restarts are its default
        strategy: Any = ActorPoolStrategy
        return {
            "compute": strategy(size=workers, max_tasks_in_flight_per_actor=calls, max_concurrent_calls_per_actor=calls)
        }
    compute = ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=calls)
    return {"compute": compute, "max_concurrency": calls, "max_restarts": -1, "max_task_retries": -1}


class ClipGenerator:
    """The class behind `generate`, for `map_batches`: each call gives a batch's rows in the order in which they finish.

    Ray hands them on when the batch has ended. The arguments are those of `generate`; `journal`, `limit_storage` and
    `client` may also be references, `ray.put(…)`, which are in no plan and no log.
    """

    def __init__(
        self,
        model: Model,
        *,
        key: str = "key",
        journal: str | Callable[[], str] | ObjectRef[Any],
        limit_storage: str | StoredLimits | ObjectRef[Any] | None = None,
        download_to: str | os.PathLike[str] | None = None,
        client: ClientArguments | Callable[[], ClientArguments] | ObjectRef[Any] | None = None,
        max_in_flight: int = 100,
        max_credits: float | None = None,
    ) -> None:
        if _OLD and asyncio._get_running_loop() is None:  # it asks uvloop for a loop, which makes none since 0.22
            asyncio.set_event_loop(asyncio.new_event_loop())
        where: Any = _here(journal)
        self._journal = shared_journal(where() if callable(where) else where)
        self._row_model: Any = model_of(cast("str", model)) if isinstance(model, (str, type)) else model
        self._key = key
        self._options: dict[str, Any] = {
            "download_to": download_to,
            "max_in_flight": max_in_flight,
            "max_credits": max_credits,
        }
        self._open = OpenClient(lambda: client_on_worker(_here(client), _here(limit_storage), self._journal))
        self._batch = OpenBatch(self._enter)

    async def __call__(self, batch: Any) -> AsyncGenerator[Any]:
        """The batch's rows, each as a table."""
        table = batch if isinstance(batch, pa.Table) else _table_of(batch)
        if not table.num_rows:
            return
        self._check(table.column_names)
        tasks = [asyncio.ensure_future(self._row(table.slice(number, 1))) for number in range(table.num_rows)]
        try:
            for made in asyncio.as_completed(tasks):
                yield await made
        except WanError as error:
            _data.DataContext.get_current().raise_original_map_exception = True  # this actor's: the error is the job's
            raise _pickled_as_it_is(error) from None
        finally:
            for task in tasks:
                task.cancel()

    async def _row(self, row: Any) -> Any:
        """A row with what became of it."""
        key, made = self._pair(row)
        if isinstance(made, WanInput):
            outcome = await self._batch.outcome(key, made)
        else:
            outcome = Outcome(index=0, key=str(key), input=None, error=_as_ours(made))
        facts = facts_of(outcome)
        if isinstance(made, Exception):
            facts["error_type"] = type(made).__name__
        for name, type_ in _TYPES.items():
            column = pa.array([facts[name]], type_)
            place = row.schema.get_field_index(name)
            row = row.append_column(name, column) if place < 0 else row.set_column(place, name, column)
        return row

    def _pair(self, row: Any) -> tuple[Any, WanInput | Exception]:
        key = key_of(row.column(self._key).to_pylist()[0])
        if not isinstance(key, str) or not key:
            return key, InvalidInputError("key", key, "text of at least 1 character")
        try:
            return key, self._input(row)
        except Exception as error:  # noqa: BLE001 - a callable of the user's, and a bad row is just a row
            return key, error

    def _input(self, row: Any) -> WanInput | Exception:
        if not isinstance(self._row_model, type):
            made = self._row_model(row.to_pylist()[0])
            return (
                made
                if isinstance(made, WanInput)
                else InvalidInputError("model", made, "a callable that gives an input")
            )
        names = [name for name in fields_of(self._row_model) if name in row.column_names]
        return input_of(self._row_model, row.select(names).to_pylist()[0] if names else {})

    def _check(self, columns: list[str]) -> None:
        """Refuse what all rows lack."""
        if self._key not in columns:
            raise InvalidInputError("key", self._key, f"a column{did_you_mean(self._key, columns)}")
        fields: Mapping[str, Any] = fields_of(self._row_model) if isinstance(self._row_model, type) else {}
        for name, field in fields.items():
            if field.required and name not in columns:
                raise InvalidInputError(name, None, f"a column of that name{did_you_mean(name, columns)}")

    @asynccontextmanager
    async def _enter(self, pairs: AsyncIterator[tuple[str, WanInput]]) -> AsyncGenerator[Batch]:
        async with self._open() as wan, wan.batch(pairs, journal=self._journal, **self._options) as results:
            yield results


def _here(given: Any) -> Any:
    """The value that a reference stands for."""
    return _ray.get(given) if isinstance(given, ray.ObjectRef) else given


def _table_of(batch: Any) -> Any:
    """A batch of another format."""
    accessor: Any = blocks.BlockAccessor
    return accessor.for_block(accessor.batch_to_block(batch)).to_arrow()


def _pickled_as_it_is(error: WanError) -> WanError:
    """The error, of a class that is pickled as its own whatever is done to `args`: Ray adds a hint (ray 2.60)."""
    kind, pickled = type(error), error.__reduce__()

    def reduce(_: object) -> str | tuple[Any, ...]:
        return pickled

    same = type(kind.__name__, (kind,), {"__reduce__": reduce, "__module__": kind.__module__})(*error.args)
    same.__dict__.update(error.__dict__)
    return same


def _as_ours(error: Exception) -> WanError:
    return error if isinstance(error, WanError) else WanError(f"{type(error).__name__}: {error}")
