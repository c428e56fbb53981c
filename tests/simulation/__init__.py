"""A LAN in one process and in virtual time: real clients and servers, a bad network, and crashes, all from one seed.

Nothing here sleeps, asks the real time or opens a socket. Everything that happens follows from the seed, so that a
failure is replayed with `python -m tests.simulation --seed N`, which shows each step.

- `clock`, `network`: time, and datagrams that are lost, doubled, damaged, late, or turn up again minutes later
- `disks`: the databases, which survive crashes, may be full or broken, and may be copied
- `servers`: what drives a desk, and dies at every step
- `processes`, `senders`, `readers`, `importers`: what drives a courier, a reader, an importer, and dies at every step
- `witness`, `conduct`: the promises of the notebook, and those of how it is talked to, checked whenever something happens
- `chronicle`: what the notebook held at each moment, and so, what readers must have been given
- `seals`: the keys of a sealed notebook, what is in each sealed datagram, and what may be said under which key
- `attacker`: who sees, repeats, changes and forges datagrams, and has no key but those that were taken back
- `scenario`, `users`, `world`: which faults a seed has, who does what, and the course: trouble, healing, calm, aftermath
"""
