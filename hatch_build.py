"""The package's long description and addresses, made from README.md when it is built.

Links and pictures in README.md are relative, which a package index cannot follow. With the address of the
published repository (`repository` in pyproject.toml) they become absolute; without it, links become their
text and pictures are left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

PICTURE = re.compile(r"!\[(?P<text>[^\]]*)\]\((?P<target>(?!https?:)[^)]+)\)\n?")
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>(?!https?:|#)[^)]+)\)")


def long_description(readme: str, repository: str) -> str:
    """Return README.md without relative links. repository: the address that they are relative to, or ""."""
    if not repository:
        return LINK.sub(r"\g<text>", PICTURE.sub("", readme))
    pictures = PICTURE.sub(rf"![\g<text>]({repository}/raw/main/\g<target>)\n", readme)
    return LINK.sub(rf"[\g<text>]({repository}/blob/main/\g<target>)", pictures)


class Hook(MetadataHookInterface):
    """Sets the dynamic fields of the package's metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `readme` and `urls`."""
        repository = self.config["repository"].rstrip("/")
        text = long_description((Path(self.root) / "README.md").read_text("utf-8"), repository)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = {"Repository": repository} if repository else {}
