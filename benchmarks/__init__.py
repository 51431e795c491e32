"""Measurements: `python -m benchmarks.limits` and its neighbours; each module says what it measures."""
