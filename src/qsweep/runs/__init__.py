"""Running: one run, a sweep of runs, a search for the best."""
