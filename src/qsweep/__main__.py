"""`python -m qsweep`, for shells that do not find the command."""

from qsweep.cli import command

if __name__ == "__main__":
    command()
