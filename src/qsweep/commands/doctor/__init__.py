"""`qsweep doctor`: check a store and its folder for defects and repair them; one module per kind."""

from qsweep.commands.doctor.examination import Examination, examine

__all__ = ["Examination", "examine"]
