"""The last entries of a mapping: those are kept, and not many more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wan_async._policy.recent import Recent


@given(st.lists(st.integers(0, 9)), st.integers(1, 4))
def test_the_last_that_were_put_are_kept_and_few_others(keys: list[int], most: int) -> None:
    recent: Recent[int, int] = Recent(most)
    values: dict[int, int] = {}
    for at, key in enumerate(keys):
        known = recent.get(key) is not None
        assert recent.put(key, at) is not known
        values.pop(key, None)
        values[key] = at
        for last in list(values)[-most:]:
            assert recent.get(last) == values[last]
        assert all(recent.get(one) in {None, value} for one, value in values.items())
        assert len(recent) <= 2 * most + 1
