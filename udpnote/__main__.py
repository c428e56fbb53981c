"""Where the `udpnote` command starts, and `python -m udpnote`.

Until there is something to say about it, Ctrl-C ends the process at once and without a word: a shell expects no less of a
program that is still starting. Python would raise `KeyboardInterrupt` from the middle of an import, with a traceback.
So this module imports nothing that Python has not loaded already; `udpnote.cli.interruption` does the rest.
"""

from _signal import SIG_DFL, SIGINT, default_int_handler, getsignal, signal  # `signal` itself would import enum first


def main() -> None:
    """The entry point of the `udpnote` command."""
    if getsignal(SIGINT) is default_int_handler:  # not where it is ignored, as in a shell's background
        signal(SIGINT, SIG_DFL)
    from udpnote.cli import main

    main.main()


if __name__ == "__main__":
    main()
