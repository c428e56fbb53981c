"""Fuzzing: a target must accept or refuse any bytes without an error. `python -m tests.fuzz` searches for bytes that break one.

It starts from the golden datagrams and from the target's saved corpus: one input a line, in hexadecimal, each of which took a
path through the code that no earlier one took. libFuzzer makes the new inputs: `pip install 'udpnote[fuzz]'`.
"""
