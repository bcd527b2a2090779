"""`qsweep gc`: free disk space by deleting runs and checkpoints that meet a condition."""
