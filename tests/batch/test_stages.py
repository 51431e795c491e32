"""An item's values: what it costs, and how it ended."""

from __future__ import annotations

import pytest

from wan_async import CustomInput, TaskFailedError, TaskRecord, TaskState, Wan22TextToVideoTurbo, WanError, WanInput
from wan_async._batch.stages import Item, outcome_of, price_of
from wan_async.models import MODELS
from wan_async.models.catalogue import example_of
from wan_async.prices import list_price

FOX = Wan22TextToVideoTurbo(prompt="a fox")


@pytest.mark.parametrize("cls", MODELS.values(), ids=lambda cls: cls.__name__)
def test_an_inputs_price_is_that_of_the_list(cls: type[WanInput]) -> None:
    fields = example_of(cls)
    assert price_of(cls(**fields)) == list_price(cls.model, fields)


@pytest.mark.parametrize(
    ("given", "price"),
    [
        (CustomInput(FOX.model, {"resolution": "480p"}), 40.0),
        (CustomInput(FOX.model, {"resolution": "480p"}, price=7.0), 7.0),
        (CustomInput("wan/9", {}), None),
    ],
)
def test_a_price_of_ones_own_comes_first(given: CustomInput, price: float | None) -> None:
    assert price_of(given) == price


def test_an_end_is_a_record_or_an_error() -> None:
    item = Item(3, "fox", FOX)
    done = outcome_of(item, "t", TaskRecord(task_id="t", state=TaskState.SUCCESS, urls=("https://h/a.mp4",)))
    failed = outcome_of(item, "t", TaskRecord(task_id="t", state=TaskState.FAIL))
    refused = outcome_of(item, None, WanError("refused"))
    assert (done.ok, done.error, done.index, done.key) == (True, None, 3, "fox")
    assert not failed.ok
    assert isinstance(failed.error, TaskFailedError)
    assert (refused.record, str(refused.error)) == (None, "refused")


def test_an_item_without_a_key_is_named_by_its_position() -> None:
    assert outcome_of(Item(3, "", FOX), None, WanError("refused")).key == "3"
