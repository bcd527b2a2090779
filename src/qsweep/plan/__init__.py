"""Planning: a command line becomes jobs, each with a checked and resolved config."""
