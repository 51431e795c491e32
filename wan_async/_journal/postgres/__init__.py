"""A journal in PostgreSQL, which any number of workers write at once.

`store` is the seam's side of it; `desk` is its thread, with one connection: all that was asked is one transaction, a
`rounds` of `writes`. `reads` and `claims` ask the rows, `claims` of what others have; `lease` is how long this worker
holds what it has. `connecting` leads there, `session` is a connection to one batch, `schema` says what stands in it.
`reader` reads beside workers, `sole` is a batch that nobody else has, for copies. `texts` are what its text can hold.
"""
