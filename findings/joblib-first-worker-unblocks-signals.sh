#!/usr/bin/env bash
# joblib 1.6.0, CPython 3.11.7: the first worker unblocks SIGINT and SIGTERM in the thread that had blocked them.
#
# Source: multiprocessing/resource_tracker.py of CPython, ResourceTracker.ensure_running (SIG_BLOCK before the tracker
#   is started, SIG_UNBLOCK afterwards), called by joblib/externals/loky/backend/spawn.py, get_preparation_data.
#   The fault is CPython's, of these versions at least: joblib's own copy of that class, taken from CPython 3.14,
#   restores the mask as it was, but the one of the running CPython is called, too.
# Expected: a program that blocks both signals, so that a Ctrl-C does not interrupt what it writes, has them blocked
#   until it unblocks them, and starts its workers with them blocked.
# Happens: the resource tracker of multiprocessing is started with both signals blocked, after which they are unblocked
#   instead of set as before. From then on a Ctrl-C interrupts the part that was protected. Only the first start does
#   so: blocked again, the signals stay blocked. CPython 3.12.1 and 3.13.0 gave the same. Run it with one of them.
# Output seen, 2026-11-30:
#   blocked at first: ['SIGINT', 'SIGTERM']; after a call: []; blocked again, after another: ['SIGINT', 'SIGTERM']
#   multiprocessing alone: []
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet joblib==1.6.0

cat > probe.py <<'PYTHON'
import signal
import subprocess
import sys

from joblib import Parallel, delayed

STOPS = {signal.SIGINT, signal.SIGTERM}


def blocked():
    return sorted(number.name for number in signal.pthread_sigmask(signal.SIG_BLOCK, ()))


signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
before = blocked()
Parallel(2)(delayed(abs)(number) for number in range(2))
first = blocked()
signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
Parallel(2)(delayed(abs)(number) for number in range(2))
second = blocked()
print(f"blocked at first: {before}; after a call: {first}; blocked again, after another: {second}")
alone = subprocess.run([sys.executable, "alone.py"], capture_output=True, text=True, check=True).stdout.strip()
print("multiprocessing alone:", alone)
assert before == second == ["SIGINT", "SIGTERM"] and first == [] and alone == "[]"
PYTHON
cat > alone.py <<'PYTHON'
import signal
from multiprocessing import resource_tracker

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
resource_tracker.ensure_running()
print(sorted(number.name for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())))
PYTHON
venv/bin/python probe.py
