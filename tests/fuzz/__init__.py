"""Fuzzing: a target must accept or refuse any bytes without an error. `python -m tests.fuzz` searches for bytes that break one.

It starts from the golden datagrams and from the target's saved corpus, a file with one input a line, in hexadecimal. Each saved
input took a path through the code that no earlier input took. libFuzzer makes new inputs: `pip install 'udpnote[fuzz]'`.
"""
