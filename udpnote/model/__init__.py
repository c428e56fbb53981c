"""The values that all other packages share: entries, queries, notebooks, addresses and join codes."""
