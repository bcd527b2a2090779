"""Environments: their spaces, the grid of buckets, wrappers, compiled twins and the textbook's own."""
