"""`wan_async` without `await`, for scripts, notebooks, Flask and Django: the same names, the same errors.

```python
from wan_async.sync import WanClient

with WanClient() as wan:
    record = wan.run(Wan22TextToVideoTurbo(prompt="a fox in the rain"))
```

The calls are made by `wan_async.WanClient`, in an event loop that runs in a thread of its own, one for all clients of
the process. So a client may be used from several threads, and where an event loop is running. Ctrl-C cancels the call
under way, waits until it has let go, and has the call's notes: the id of a task that is paid for.
"""

from ._batch import Batch
from ._client import WanClient, WanTask

__all__ = ["Batch", "WanClient", "WanTask"]
