"""A sweep: batches of runs on a launcher, watched, resumed and confirmed."""
