"""`python -m udpnote` is the `udpnote` command."""

from udpnote.cli.app import main

main()
