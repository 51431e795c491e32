"""As somebody who may only read: print the journal's counts, and why it cannot be written."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys

import anyio

from wan_async._journal import Journal, open_store
from wan_async.errors import JournalError

asyncio.run(anyio.sleep(0))  # imports what it needs while it may
for module in ("reader", "store"):
    importlib.import_module(f"wan_async._journal.sqlite.{module}")
if os.geteuid() == 0:
    os.setuid(65534)
path = sys.argv[1]
try:
    with Journal.open_readonly(path) as journal:
        print("counts", journal.counts().done, [entry.key for entry in journal.outcomes()])
except JournalError as error:
    print("unread", error)
try:
    asyncio.run(open_store(path, replay=True, failed=print))
except JournalError as error:
    print("refused", error)
