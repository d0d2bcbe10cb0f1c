"""Fuzzers: bytes that come from outside, changed at random, against every reader that takes them.

``python -m fuzz TARGET`` runs one. A target is a function of bytes that returns, or raises where the program is wrong;
refusals that a reader declares are caught in it. `docs/fuzzing.md` says what each looks at, and what a long run found.
"""
