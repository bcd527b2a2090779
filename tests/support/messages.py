"""Messages of the command line, compared apart from what ran on the machine before."""

from __future__ import annotations

import re

from qsweep.learning.compiler.notice import BEGIN, END


def without_notice(text: str) -> str:
    """Return what was printed, without the notice that code is being compiled for the first time."""
    return re.sub(f"{BEGIN}.*{END}\n", "", text)
