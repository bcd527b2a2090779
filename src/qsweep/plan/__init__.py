"""From a command line to jobs, each with a checked and resolved config."""
