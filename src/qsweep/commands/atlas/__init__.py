"""`qsweep atlas`: every algorithm on every environment, tuned alike and compared with the optimum."""
