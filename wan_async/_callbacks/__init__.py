"""Callbacks from the provider: received and verified, carried between processes, waking whoever waits.

`callbacks` is what callers hold: it verifies, and asks nobody to believe. `asgi` and `aiohttp_web` receive for it. A
`bus` carries what was received to all who wait, `shared_bus` to other processes. `wake_ups` is a client's ear: it wakes
the poller, and finds lost submissions again.
"""
