"""`udpnote doctor`: examines this host and its LAN, and says why a notebook is not found."""
