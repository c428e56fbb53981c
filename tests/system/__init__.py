"""System tests: the installed command, real processes, hosts in network namespaces."""
