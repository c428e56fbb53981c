"""Fuzzing: a target must survive any bytes at all. `python -m tests.fuzz` looks for those that it does not.

It starts from the datagrams of `tests.support.golden` and from the target's saved corpus: one input a line, in hexadecimal,
each of which took a path through the code that no earlier one took. Where atheris is installed
(`pip install 'udpnote[fuzz]'`) libFuzzer makes the new inputs, and otherwise `tests.fuzz.mutation`, which needs nothing.
"""
