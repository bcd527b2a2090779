#!/usr/bin/env bash
# hydra-core 1.3.8: sort(range(...), reverse=true) sweeps other numbers than the range has.
#
# Source: hydra/_internal/grammar/grammar_functions.py, _sort_sweep; hydra-ecosystem/hydra#3228. Right in 1.4.0rc3.
# Expected: the values of range(10,41,20), which are 10 and 30, in falling order: 30, 10.
# Happens: the range is turned round by its written end, 41, instead of its last value, 30: it starts at 41 - 20 and
#   walks down. 21 and 1 run, neither of which was asked for, while the number of jobs is right. It is correct only
#   where the end is a whole number of steps from the start.
# Output seen, 2026-11-30:
#   range(10,41,20): [10, 30]
#   sort(range(10,41,20),reverse=true): [21, 1]
#   sort(10,30,reverse=true): [30, 10]
#   sort(range(10,50,20),reverse=true): [30, 10]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet hydra-core==1.3.8 omegaconf==2.3.0

cat > probe.py <<'PYTHON'
from hydra.core.override_parser.overrides_parser import OverridesParser

parser = OverridesParser.create()


def swept(value):
    return [int(item) for item in parser.parse_override(f"buckets={value}").sweep_string_iterator()]


seen = {}
for text in (
    "range(10,41,20)",
    "sort(range(10,41,20),reverse=true)",
    "sort(10,30,reverse=true)",
    "sort(range(10,50,20),reverse=true)",
):
    seen[text] = swept(text)
    print(f"{text}: {seen[text]}")
assert list(seen.values()) == [[10, 30], [21, 1], [30, 10], [30, 10]]
PYTHON
venv/bin/python probe.py
