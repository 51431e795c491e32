"""The command line `wan-async`: one module a command or family, each loaded when it is called.

`main` turns errors into one line and an exit code (`exits`); `root` names the commands. Click parses, rich draws what
moves, jinja2 fills the demo's page: the extra `cli`.
"""
