"""A LAN in one process and in virtual time: real couriers and desks, a bad network, and crashes, all from one seed.

Nothing here sleeps, asks the real time or opens a socket. Everything that happens follows from the seed, so that a
failure is replayed with `python -m tests.simulation --seed N`, which shows each step.

- `clock`, `network`: time, and datagrams that are lost, doubled, damaged, late, or turn up again minutes later
- `disks`: the databases, which survive crashes, may be full or broken, and may be copied
- `processes`, `servers`: what drives a courier and a desk, and dies at every step
- `witness`: the promises, checked whenever something happens
- `scenario`, `world`: which faults a seed has, and their course: trouble, healing, settling, aftermath
"""
