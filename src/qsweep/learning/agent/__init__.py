"""The parts of a tabular agent apart from its update rule: cells, values, exploration, traces.

They are plain functions on plain arrays. The engines compile them; the interpreter can run the same code.
"""
