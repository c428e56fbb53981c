"""Fuzzing: a target must survive any bytes at all. `python -m tests.fuzz` looks for those that it does not.

It starts from the datagrams of `tests.golden` and from what a target's saved corpus holds beyond them: one input a line, in
hexadecimal, each of which has once taken a way through the code that none before it took. Where atheris is installed
(`pip install 'udpnote[fuzz]'`) libFuzzer makes the new inputs, and otherwise `tests.fuzz.mutation`, which needs nothing.
"""
