"""Runs libFuzzer with one target: `python -m tests.fuzz.guided TARGET FOLDER [OPTION]...`.

It writes new inputs to FOLDER/inputs, and an input that breaks the target to FOLDER/crash-…. It runs in a process of its own,
because libFuzzer ends the process when it is done.
"""

import sys

import atheris

with atheris.instrument_imports(include=["udpnote"]):
    from tests.fuzz.targets import INPUT_BYTES_MAX, TARGETS

HANGING_SECONDS = 10
"""A target that takes longer for one input counts as broken."""


def main() -> None:
    name, folder, *more = sys.argv[1:]
    options = [f"-max_len={INPUT_BYTES_MAX}", f"-timeout={HANGING_SECONDS}", "-verbosity=0", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, *more, f"{folder}/inputs"], TARGETS[name].check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
