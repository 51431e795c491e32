"""A journal in an SQLite file: all SQL for it, and what guards the file.

`store` is the seam's side of it; the writer's thread does `writes` and `reads` for it, `reader` reads beside it. `hold`
has lock and connection; `files` refuses, makes and marks the file, `lock` keeps others out, `log` looks at what stands
beside it. `schema` says what stands in it. `rows` and `marks` are for copies.
"""
