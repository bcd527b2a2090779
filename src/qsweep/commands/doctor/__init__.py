"""`qsweep doctor`: what is wrong with the store and the folder, and the mend; one module an ailment."""

from qsweep.commands.doctor.examination import Examination, examine

__all__ = ["Examination", "examine"]
