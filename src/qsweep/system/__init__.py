"""The machine: files that are complete or absent, untrusted files, signals and live processes."""
