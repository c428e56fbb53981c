"""Mutation testing: each mutant breaks some lines of udpnote on purpose, and the tests named beside it must fail.

`python -m tests.mutants` applies one mutant at a time in a copy of the project, runs its tests, and prints the survivors.
"""
