"""A test kit for applications: a pytest plugin with the provider as a fixture, found by pytest by itself.

```python
async def test_the_fox_is_asked_for(wan_emulator: WanEmulator) -> None:
    await make_a_clip_of("a fox")  # the application's own code, with its own WanClient()
    assert wan_emulator.submitted == [Wan22TextToVideoTurbo(prompt="a fox")]
```

`wan_emulator` serves real HTTP on loopback, and the environment leads `WanClient()` to it; `wan_client` is a client of
it, `wan_sync_client` one without `await`. They work with pytest-asyncio, with anyio's plugin and in plain tests.
Clients that are given no `limit` and no `polling` neither wait for slots nor poll slowly; where the emulator is given a
limit, they may call more often than it allows, in windows as long as its own, are throttled, and learn.

`@pytest.mark.wan(…)` on a test, a class or a module takes the arguments of `Emulator`, the closest first; by default
tasks end at once, nothing is limited, and clips are not rendered. `virtual_time=True` runs the test in a loop whose
clock jumps: API calls are carried in the process, without sockets, and limits and polling are as in production.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .emulator import WanEmulator as WanEmulator

__all__ = ["WanEmulator"]


def __getattr__(name: str) -> object:
    if name != "WanEmulator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .emulator import WanEmulator  # with the emulator, which a run that only has the plugin does without

    return WanEmulator
