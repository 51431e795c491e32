"""Rules without I/O: times and numbers in, times and numbers out. No clock, no chance, no await.

The limit: `window` says when a call may leave, `round_trip` how much sooner than a window after its answer a slot is
free again, `lessons` and `learnt_limit` what a rejection teaches, `learner` what one visitor of a `shared_window` sees.
`limiter` is the protocol of whatever hands out permits.

The polls: `schedules` say when a task is polled, from `durations` that were learnt; `planner` has them by kind;
`poll_queue` says which `waiting_task` comes next; `patience` how long trouble is borne.

`settings` are the caller's, `backoff` the delays before a repetition, `recent` a mapping that forgets.
"""
