"""`qsweep watch`: the progress of a sweep, read from its store while other processes run it."""
