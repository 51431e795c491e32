"""The way of requests to the provider, over aiohttp.

`pool` is what callers hold, `sessions` an event loop's part of it. A request goes out once: by `direct`, on the
session's connections, or by the session itself. `deadlines` end it, `failures` say whether it may have left, `handler`
reads its answer and keeps what is no HTTP, `proxies` say where it goes by, `connector` whether it went.
"""
