"""The Python API for scripts and notebooks: runs, sweeps and policies as values that display themselves."""
