"""A LAN in one process and in virtual time: real clients and servers on a bad network, with crashes, all drawn from one seed.

Nothing here sleeps, reads the real time or opens a socket. The seed decides everything that happens, so
`python -m tests.simulation --seed N` repeats a failure, and prints each step.

- `tests.support.network`: time, and datagrams that are lost, duplicated, damaged, late, or replayed minutes later
- `disks`: the databases, which survive crashes, may be full or broken, and may be copied
- `servers`: the host of a server: it drives a real request handler, and crashes at every step
- `processes`, `endpoints`: the process of a client: a thread that runs a real client, and crashes at every step
- `senders`, `readers`, `importers`, `browsers`: what the users of these processes do
- `witness`, `traffic`: check the promises of the notebook, and those about the datagrams, whenever something happens
- `history`: what the notebook held at each moment, and so, what readers must have got
- `seals`: the keys of a sealed notebook, the content of each sealed datagram, and what may be said under which key
- `attacker`: sees, repeats, changes and forges datagrams, and has only keys that are no longer accepted
- `lan`: what all of these share
- `scenario`, `users`, `world`: which faults a seed has, who does what, and its course: trouble, healing, calm, aftermath
"""
