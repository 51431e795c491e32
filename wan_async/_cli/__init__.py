"""The command line `wan-async`: a command is loaded when it is called.

`main` is what a shell calls, `root` names the commands, and `exits` makes an exit code and one line of whatever goes
wrong. Click parses, rich draws what moves, jinja2 fills the demo's page: the extra `cli`.

| command | module |
|---|---|
| batch | `batch`, a package: its `__init__` has the whole way |
| run | `run` |
| status, wait, download, upload | `tasks` |
| login, credits, limits | `account` |
| completion | `root` |
| models, demo, journal, gallery | `models`, `demo`, `journal`, `gallery` |
| doctor, listen, emulator | `doctor`, `listen`, `emulator` |

What commands share: `options` are given to several, `config` is saved values, `client` makes the client of both;
`running` is a command at work in its event loop, until a signal ends it. `fields` are a model's, `output` prints rows
or makes files of them.
"""
