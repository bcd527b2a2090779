"""`qsweep check`: the exercises of docs/course, checked on the learner's own runs."""
