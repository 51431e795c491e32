"""A client's waits for its tasks: one `poller`, its poll `workers`, and the `watches` of those who wait."""
