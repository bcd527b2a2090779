"""The machine: files that are written whole or not at all, untrusted files, signals and live processes."""
