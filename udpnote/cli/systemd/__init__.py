"""The server as a service of systemd: its unit file, the program that it starts, and the commands of systemd."""
