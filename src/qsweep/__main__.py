"""`python -m qsweep`, for shells that do not find the command."""

from qsweep.cli import main

if __name__ == "__main__":
    main(prog_name="qsweep")
