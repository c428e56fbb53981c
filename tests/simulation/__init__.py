"""A LAN in one process and in simulated time: real clients and servers on a bad network, with crashes, drawn from one seed.

Nothing here sleeps, reads the real time or opens a socket. The seed, a number, decides everything that happens. So
`python -m tests.simulation --seed N` repeats a failure, and prints each step.

- `tests.support.network`: time, and datagrams that are lost, duplicated, damaged, late, or replayed minutes later
- `disks`: the databases, which survive crashes, may be full or broken, and may be copied
- `servers`: the host of a server: it drives a real request handler, and may crash between any two steps
- `processes`, `endpoints`: the process of a client: a thread that runs a real client, and may crash at any step
- `pauses`: processes, hosts and servers that stand still for a while, and then go on
- `senders`, `readers`, `importers`, `browsers`: what the users of these processes do
- `witness`, `traffic`: check the promises of the notebook, and those about the datagrams, whenever something happens
- `history`: what the notebook held at each moment; checks with it what readers get
- `seals`: the keys of a sealed notebook, the content of each sealed datagram, and what may be sent with which key
- `attacker`: sees, repeats, changes and forges datagrams, and has only keys that are no longer accepted
- `lan`: what all of these share
- `scenario`: which faults a seed has; `users`: who does what; `world`: the course of a seed, from trouble to calm
- `runs`, `__main__`: run seeds, and say what they have not tried
"""
