"""How declared steps run: processes, leases, failures, progress."""
