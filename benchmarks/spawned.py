"""Run a command and write to a file what it took: seconds, and KiB resident at most.

A process counts as its own what its parent had resident when it began, so the parent must be a small one:

    python -S benchmarks/spawned.py FILE COMMAND...
"""

import os
import sys
import time

if __name__ == "__main__":
    began = time.perf_counter()
    pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
    _, status, used = os.wait4(pid, 0)
    with open(sys.argv[1], "w") as file:
        file.write(f"{time.perf_counter() - began} {used.ru_maxrss}")
    sys.exit(os.waitstatus_to_exitcode(status))
