"""Open an address in the user's browser once it answers: `python -m qsweep.system.browser ADDRESS`."""

from __future__ import annotations

import sys
import time
import urllib.request
import webbrowser
from http.client import HTTPException

SECONDS, POLL_SECONDS = 60.0, 0.3


def open_when_ready(address: str) -> bool:
    """Wait for a web server to answer, then open the address; return whether a browser was found."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address.partition("#")[0], timeout=5).close()  # noqa: S310  (http only)
        except (OSError, HTTPException):
            time.sleep(POLL_SECONDS)
        else:
            return webbrowser.open(address)
    return False


if __name__ == "__main__":
    open_when_ready(sys.argv[1])
