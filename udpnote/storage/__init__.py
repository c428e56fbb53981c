"""All files that udpnote keeps, such as the server's notebook and the client's outbox. Only this package uses SQL."""
