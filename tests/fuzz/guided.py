"""One target under libFuzzer, for `tests.fuzz.__main__`: `python -m tests.fuzz.guided TARGET FOLDER SECONDS SEED`.

A process of its own, because libFuzzer ends the one that it runs in. New inputs go to FOLDER/inputs, and one that breaks
the target to FOLDER/crash-….
"""

import sys

import atheris

with atheris.instrument_imports(include=["udpnote"]):
    from tests.fuzz.targets import INPUT_BYTES_MAX, TARGETS

HANGING_SECONDS = 10
"""After this long with one input, the target hangs."""


def main() -> None:
    name, folder, seconds, seed = sys.argv[1:]
    options = {"max_total_time": seconds, "seed": seed, "max_len": INPUT_BYTES_MAX, "timeout": HANGING_SECONDS, "verbosity": 0}
    arguments = [f"-{option}={value}" for option, value in options.items()]
    atheris.Setup([sys.argv[0], *arguments, f"-artifact_prefix={folder}/", f"{folder}/inputs"], TARGETS[name].check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
