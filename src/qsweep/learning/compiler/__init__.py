"""The compiler: an algorithm and an environment, written as plain functions, become one numba function."""
