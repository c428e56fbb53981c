"""The page: a notebook for browsers. `udpnote page` serves it, in a process of its own that is a client of the notebook."""
