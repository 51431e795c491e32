"""What a batch has under way: nothing of it keeps a batch open for ever."""

from __future__ import annotations

import asyncio

from wan_async._batch.crew import Crew


async def test_a_fault_after_a_write_stops_the_batch_and_is_no_reason_to_wait_for_ever() -> None:
    ended: list[BaseException | None] = []
    crew = Crew(ended.append)
    written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    bug = RuntimeError("what follows is broken")

    def follow() -> None:
        raise bug

    crew.when_written(lambda: written, follow)
    written.set_result(None)
    await asyncio.wait_for(crew.join(), 5)
    assert not crew
    assert ended == [bug, None]
