"""The example is an application of its own: it is copied, and its tests are run by a pytest of their own."""

collect_ignore = ["example"]
