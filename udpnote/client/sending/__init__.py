"""Sending, forwarding and importing entries."""
