"""Listeners of one process: each in its own event loop, none kept alive."""

from __future__ import annotations

import asyncio
import gc
import threading

from wan_async._callbacks.bus import LocalBus
from wan_async._protocol.callbacks import WakeUp


class Ear:
    def __init__(self) -> None:
        self.heard_in: list[int] = []
        self.notified: list[str] = []

    def heard(self, wake_up: WakeUp) -> None:
        self.heard_in.append(threading.get_ident())
        self.notified.append(wake_up.task_id)

    def missed(self) -> None:
        raise NotImplementedError


async def test_all_who_are_attached_are_told() -> None:
    bus, one, other = LocalBus(), Ear(), Ear()
    bus.attach(one)
    bus.attach(other)
    await bus.publish(WakeUp("a"))
    await bus.detach(one)
    await bus.detach(one)
    await bus.publish(WakeUp("b"))
    assert (one.notified, other.notified) == (["a"], ["a", "b"])


async def test_a_listener_attached_twice_is_told_once() -> None:
    bus, ear = LocalBus(), Ear()
    bus.attach(ear)
    bus.attach(ear)
    await bus.publish(WakeUp("a"))
    assert ear.notified == ["a"]


async def test_a_listener_in_another_thread_is_told_there() -> None:
    bus, ear, ready, done = LocalBus(), Ear(), threading.Event(), threading.Event()

    async def listen() -> None:
        bus.attach(ear)
        ready.set()
        while not ear.notified:
            await asyncio.sleep(0.005)
        done.set()

    thread = threading.Thread(target=lambda: asyncio.run(listen()))
    thread.start()
    await asyncio.to_thread(ready.wait, 5)
    await bus.publish(WakeUp("a"))
    assert await asyncio.to_thread(done.wait, 5)
    thread.join()
    assert ear.heard_in == [thread.ident]
    await bus.publish(WakeUp("b"))  # its loop is closed
    assert ear.notified == ["a"]


async def test_a_client_that_was_dropped_is_not_kept_alive() -> None:
    bus, kept = LocalBus(), Ear()
    bus.attach(Ear())
    bus.attach(kept)
    gc.collect()
    await bus.publish(WakeUp("a"))
    assert kept.notified == ["a"]
    assert len(bus.attached_in(asyncio.get_running_loop())) == 1
