"""Tests of the installed command, run as its users run it."""
