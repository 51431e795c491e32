"""An application on procrastinate whose worker makes clips: `clips_app.py '{"database": …}'` runs one worker."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import msgspec
from procrastinate import App, PsycopgConnector

from wan_async import RateLimit
from wan_async._journal.postgres import lease
from wan_async.integrations.procrastinate import ClipTasks

FAST = RateLimit(1000, per=1.0)


class Options(msgspec.Struct, kw_only=True):
    """Where an application's worker finds what, and how many jobs it runs at once."""

    database: str
    provider: str
    concurrency: int = 4


def application(options: Options) -> tuple[App, ClipTasks]:
    """The app, whose task `clip_done` writes what it was told into a table."""
    connector = PsycopgConnector(conninfo=options.database)
    app = App(connector=connector)

    @app.task(name="clip_done")
    async def clip_done(outcome: dict[str, Any]) -> None:
        await connector.execute_query_async(
            "INSERT INTO delivered VALUES (%(key)s, %(task)s, %(error)s, %(pid)s)",
            key=outcome["key"],
            task=outcome["task_id"],
            error=outcome["error_type"],
            pid=os.getpid(),
        )

    clips = ClipTasks(
        app,
        journal=f"{options.database}#clips",
        outcome=clip_done,
        client=lambda: {"api_key": "k", "base_url": options.provider, "limit": FAST, "query_limit": FAST},
        stalled_after=2.0,
        look_for_stalled="* * * * * *",
    )
    return app, clips


async def main(options: Options) -> None:
    app, _ = application(options)
    async with app.open_async():
        await app.run_worker_async(
            concurrency=options.concurrency,
            fetch_job_polling_interval=0.1,
            update_heartbeat_interval=0.4,
            stalled_worker_timeout=2.0,
        )


if __name__ == "__main__":
    for name, seconds in {"LEASE": 3.0, "RENEWAL": 0.6, "SPARE": 1.2}.items():
        setattr(lease, name, seconds)
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Options)))
