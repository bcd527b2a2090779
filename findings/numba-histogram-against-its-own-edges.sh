#!/usr/bin/env bash
# numba 0.68.1, numpy 2.4.6: compiled np.histogram counts a value in a bin that its own returned edges exclude.
#
# Source: numba/np/arraymath.py, np_histogram (bin by multiplication); numpy/lib/_histograms_impl.py, histogram, which
#   computes the same product and then corrects it against the edges.
# Expected: counts and edges agree: edges[i] <= value < edges[i + 1] for the values counted in bin i, as in NumPy.
# Happens: the correction is missing. With 10 bins from 0 to 1 the value 0.3 lies below the edge 0.30000000000000004 and
#   belongs to bin 2; compiled code counts it in bin 3, likewise 0.6 and 0.7. The edges returned are the same.
# Output seen, 2026-11-30:
#   numpy: [1, 1, 2, 0, 0, 1, 1, 0, 1, 1]
#   numba: [1, 1, 1, 1, 0, 0, 1, 1, 1, 1]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet numba==0.68.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
import numpy as np
from numba import njit

values = np.array([0.0, 0.1, 0.2, 0.3, 0.6, 0.7, 0.8, 1.0])


def histogram(data):
    return np.histogram(data, 10)


counts, edges = histogram(values)
compiled, compiled_edges = njit(histogram)(values)
print("numpy:", counts.tolist())
print("numba:", compiled.tolist())
assert np.array_equal(edges, compiled_edges)
assert edges[2] <= 0.3 < edges[3]
assert counts.tolist() == [1, 1, 2, 0, 0, 1, 1, 0, 1, 1]
assert compiled.tolist() == [1, 1, 1, 1, 0, 0, 1, 1, 1, 1]
PYTHON
venv/bin/python probe.py
