"""Hold the journal named, fork a child that outlives us, print the child's id, and be killed."""

from __future__ import annotations

import os
import signal
import sys
import time

from wan_async._journal.sqlite.lock import Lock

lock = Lock(sys.argv[1])
child = os.fork()
if not child:
    os.close(1)
    time.sleep(30)
    os._exit(0)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
