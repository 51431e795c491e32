"""The account's limits, as asyncio waits for them; `_policy` has their arithmetic.

`registry` is the one place that makes limiters. `limiter` is that of one process. `shared` is one whose window lives in
a storage: `member` is an event loop's part in it, by its `times`, and `outage` what a process does while the storage is
away. `storage` is the seam, where visits wait in line: `file`, `redis` and `postgres` are what stands behind it, and
another storage is one module beside them and a line in its `_PLACES`. `account` names an account without showing
its key.
"""
