"""The command line `wan-async`: one module a command, loaded when it is called.

`main` turns errors into one line and an exit code (`exits`); `root` names the commands, each `command` in the module of
its name: `demo`, `run`, `batch`, `models`, `status`, `wait`, `download`, `upload`, `credits`, `limits`, `journal`,
`gallery`, `login`, `doctor`, `listen`, `emulator` and `completion`. Click parses, rich draws what moves, jinja2 fills
the demo's page: the extra `cli`.

`run` reads a model's `fields`, and `one` makes the clip: a batch of one, so that a Ctrl-C before the POST stops it and
a later one tells the task. A `batch` goes by `before` (its rows `checked`, its price told) to `batch_run`. `sources`
opens a file as UTF-8, `reading` gives its `rows`: JSONL by `lines`, CSV and TSV `separated`. Outcomes are `written`,
`formats` makes files of them, `tally` sums them up, and `places` says where all of this lies.

What commands share: `account` and `parameters` are options, `config` is saved values, `client` makes the client of
both; `common` is in every command, `loops` runs it, `interrupts` ends it. `notices` say why nothing moves, `reception`
hears callbacks, `tables`, `tasks` and `entry_rows` print. `scenes` and `page` are the demo's, `storage_check` is
doctor's.
"""
