"""What every tabular agent consists of, apart from its update rule: cells, values, choices, traces.

Plain functions on plain arrays: the engines compile them, the interpreter runs the very same lines.
"""
