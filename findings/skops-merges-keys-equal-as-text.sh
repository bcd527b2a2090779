#!/usr/bin/env bash
# skops 0.16.0: of two dict keys that are equal as text, as 1 and "1", one is silently gone after a copy.
#
# Source: skops/io/_general.py, dict_get_state and DictNode (JSON object keys, the keys' types in a list beside).
# Expected: a dict comes back as it was, since the types of the keys are stored, or is refused as tuple keys are.
# Happens: the keys become JSON keys, where 1 and "1", or 1.0 and "1.0", are the same: one value overwrites the other, and
#   the surviving key takes the first key's type. A table of scores by seed that came partly from JSON loses seeds so.
#   Keys of int and float alone survive.
# Output seen, 2026-11-30:
#   {1: 'a', '1': 'b'} -> {1: 'b'}
#   {1.0: 'a', '1.0': 'b'} -> {1.0: 'b'}
#   {1: 'a', 2.5: 'b'} -> {1: 'a', 2.5: 'b'}
#   {(0, 1): 'a'} -> TypeError
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet skops==0.16.0 numpy==2.4.6 scikit-learn==1.9.1 scipy==1.17.1

cat > probe.py <<'PYTHON'
import skops.io


def copied(value):
    try:
        return skops.io.loads(skops.io.dumps(value))
    except TypeError:
        return "TypeError"


seen = []
for value in ({1: "a", "1": "b"}, {1.0: "a", "1.0": "b"}, {1: "a", 2.5: "b"}, {(0, 1): "a"}):
    seen.append(copied(value))
    print(value, "->", seen[-1])
assert seen == [{1: "b"}, {1.0: "b"}, {1: "a", 2.5: "b"}, "TypeError"]
PYTHON
venv/bin/python probe.py
