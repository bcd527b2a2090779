"""Statistics over seeds: pure functions of arrays."""
