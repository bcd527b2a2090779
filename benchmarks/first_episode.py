"""`first_episode.py FILE ARGUMENTS`: qsweep ARGUMENTS, and in FILE when its first episodes were trained."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

from qsweep.cli import main
from qsweep.learning import training


def noting(train: Callable[..., Iterator[Any]], file: Path) -> Callable[..., Iterator[Any]]:
    """The function that trains, noting the time of what it yields first."""

    @wraps(train)
    def noted(*arguments: Any, **options: Any) -> Iterator[Any]:
        for chunk in train(*arguments, **options):
            if not file.exists():
                file.write_text(str(time.time()))
            yield chunk

    return noted


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    file.unlink(missing_ok=True)
    for name in {"train", "train_blocks"} & vars(training).keys():
        setattr(training, name, noting(getattr(training, name), file))
    main()
