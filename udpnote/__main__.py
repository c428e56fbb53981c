"""Starts the `udpnote` command; also for `python -m udpnote`.

While the command is starting, Ctrl-C ends the process at once and silently. Python would raise `KeyboardInterrupt` instead, in
the middle of an import, and print a traceback. This module prevents that, before it imports anything that Python has not loaded
already. `udpnote.cli.terminal.interruption` lets Ctrl-C raise `KeyboardInterrupt` later, while the command works.
"""

from _signal import SIG_DFL, SIGINT, default_int_handler, getsignal, signal  # `signal` itself would import enum first


def main() -> None:
    """Run the `udpnote` command with the arguments in `sys.argv`. Raises `SystemExit` with the exit code of the command."""
    if getsignal(SIGINT) is default_int_handler:  # if SIGINT is ignored, as in a shell's background job, it stays ignored
        signal(SIGINT, SIG_DFL)
    import gc

    from udpnote.cli import main

    try:
        main.main()
    finally:
        gc.freeze()  # or else Python looks through all objects for garbage when it ends, a seventh of a short command's time


if __name__ == "__main__":
    main()
