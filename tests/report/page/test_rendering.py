"""The scripts of a page."""

from __future__ import annotations

import re
from collections import Counter

from qsweep.report.page.rendering import FOLDER, Q_TABLE_SCRIPTS


def test_no_name_is_declared_twice() -> None:
    """The scripts share one scope: a name that two of them declare would stop them all."""
    scripts = [(FOLDER / name).read_text() for name in (*Q_TABLE_SCRIPTS, "tables.js")]
    declared = re.compile(r"^(?:async )?(?:function|const|class|let) (\w+)", re.MULTILINE)
    counts = Counter(name for script in scripts for name in declared.findall(script))
    assert len(counts) > 50
    assert [name for name, count in counts.items() if count > 1] == []
