"""The parts of the inputs that their classes share; pure.

`checks` refuses bad values by name, `allowed` says what is allowed, `urls` what a URL is. `local_files` finds the files
that stand where a media URL goes, and replaces them. `web_models` makes the classes models of web frameworks.
"""
