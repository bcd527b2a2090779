"""`qsweep pull`: write a named checkpoint into a folder, completely or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from qsweep.commands.play_page import PAGE, play_page
from qsweep.errors import UsageError
from qsweep.policies.policy import CONFIG, README, RECORD, TABLE, Policy
from qsweep.policies.registry.fetching import fetch_named, folder_name
from qsweep.policies.registry.model import write_model
from qsweep.system.atomic_files import replacing_folder, temporary_folder
from qsweep.system.overwriting import only_over, writing_to
from qsweep.tracking.store import Store

MODEL = "model"
WRITTEN = (TABLE, RECORD, CONFIG, README, MODEL)


@dataclass(frozen=True)
class Pulled:
    """A pulled policy and its folder."""

    folder: Path
    policy: Policy

    def __str__(self) -> str:
        return (
            f"{self.policy.env_id}  {self.policy.came_from}\n"
            f"wrote {self.folder}: {', '.join(self._files())}\n"
            f"play it with the Python code in its {README}, or serve it: "
            f"mlflow models serve --env-manager local -m {self.folder / MODEL}"
        )

    def _files(self) -> list[str]:
        return [*WRITTEN, *([PAGE] if (self.folder / PAGE).exists() else [])]


def pull(store: Store | None, name: str, out: Path | None = None, force: bool = False) -> Pulled:
    """Write the policy that `name` stands for into the folder `out` (by default named after it).

    store: may be None for a name of the atlas, which is shipped. Raises UsageError if the name is unknown, or
    `out` exists and may not be replaced.
    """
    folder = Path(os.path.abspath(out or folder_name(name)))  # so that it has a name if `out` ends in ..
    check = partial(only_over, what="a pulled policy", files=WRITTEN, inner=(f"{MODEL}/*", PAGE), force=force)
    check(folder)
    with temporary_folder() as scratch:
        policy = fetch_named(store, name, Path(scratch))
    with writing_to("--out", folder), replacing_folder(folder, check) as new:
        policy.save(new)
        write_model(policy, new / MODEL)
        with suppress(UsageError):  # its environment may not be here, and is not needed to pull
            if page := play_page(policy):
                (new / PAGE).write_text(page)
    return Pulled(folder, policy)
