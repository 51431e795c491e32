"""What a test asks the provider."""

from __future__ import annotations

import pytest

from wan_async import (
    ConfigurationError,
    CustomInput,
    MaintenanceError,
    Retry,
    SubmissionUnknownError,
    Wan22TextToVideoTurbo,
    WanClient,
)
from wan_async.emulator import Fault
from wan_async.testing.emulator import KEY, WanEmulator

FOX, HEN = Wan22TextToVideoTurbo(prompt="a fox"), Wan22TextToVideoTurbo(prompt="a hen", seed=7)

pytestmark = pytest.mark.virtual_time


def client(emulator: WanEmulator) -> WanClient:
    return WanClient(KEY, base_url="http://localhost", pool=emulator.transport(), retry=Retry(max_elapsed=0.0))


async def test_what_was_submitted_comes_back_as_inputs() -> None:
    emulator = WanEmulator()
    blank = CustomInput(FOX.model, {"prompt": " "})
    async with client(emulator) as wan:
        for one in (FOX, HEN, blank):
            await wan.run(one)
    assert emulator.submitted == [FOX, HEN, blank]
    assert emulator.polls >= 3


async def test_the_next_call_goes_wrong_and_the_one_after_does_not() -> None:
    emulator = WanEmulator()
    emulator.fail_next("drop_after")
    async with client(emulator) as wan:
        with pytest.raises(SubmissionUnknownError):
            await wan.submit(FOX)
        await wan.submit(HEN)
    assert emulator.submitted == [FOX, HEN]
    assert "2 created, 0 polls, 1 faults" in repr(emulator)


async def test_several_go_wrong_in_their_order_before_those_without_end() -> None:
    emulator = WanEmulator(faults=[Fault("refuse", call="createTask", code=455)])
    emulator.fail_next("html", status=502)
    emulator.fail_next("no_id")
    async with client(emulator) as wan:
        for expected in (SubmissionUnknownError, SubmissionUnknownError, MaintenanceError, MaintenanceError):
            with pytest.raises(expected):
                await wan.submit(FOX)


async def test_the_counts_of_other_faults_go_on() -> None:
    emulator = WanEmulator(faults=[Fault("refuse", call="createTask", code=455, nth=2, times=1)])
    async with client(emulator) as wan:
        await wan.submit(FOX)
        emulator.fail_next("html", call="credit")
        with pytest.raises(MaintenanceError):
            await wan.submit(FOX)
        await wan.submit(FOX)


def test_what_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'seconds'"):
        WanEmulator(second=5)
    with pytest.raises(ConfigurationError, match=r"Fault\.kind"):
        WanEmulator().fail_next("drop")  # pyright: ignore[reportArgumentType]
