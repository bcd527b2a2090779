#!/usr/bin/env bash
# hydra-core 1.3.8: range(0.1,0.4,0.1) sweeps its excluded end, and a value that is not the one written.
#
# Source: hydra/core/override_parser/types.py, FloatRange. Right in 1.4.0rc3.
# Expected: a half-open range, in decimals since the class uses decimal.Decimal: 0.1, 0.2, 0.3.
# Happens: four values. The Decimals are made of the binary floats, not of the text, so the third is
#   0.30000000000000004, which makes another config than 0.3; and each sum is rounded to 28 digits, after which
#   the fourth lies below the end by a hair, though in binary floats it would equal it.
# Output seen, 2026-11-30:
#   range(0.1,0.4,0.1): 0.1 0.2 0.30000000000000004 0.4
#   range(1,4,1): 1 2 3
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
    return " ".join(parser.parse_override(f"alpha={value}").sweep_string_iterator())


floats, ints = swept("range(0.1,0.4,0.1)"), swept("range(1,4,1)")
print("range(0.1,0.4,0.1):", floats)
print("range(1,4,1):", ints)
assert floats == "0.1 0.2 0.30000000000000004 0.4"
assert ints == "1 2 3"
PYTHON
venv/bin/python probe.py
