#!/usr/bin/env bash
# ConfigSpace 1.2.2: a grid of ten steps over the integers 1 to 20 on a log scale has the point 1 twice.
#
# Source: ConfigSpace/util.py, generate_grid (np.linspace or its logarithm, rounded to integers).
# Expected: a grid is a set: equal configurations once, as the dict of steps gives only "the number of points to divide
#   the grid side in to", or an error where a side has fewer values than steps.
# Happens: steps that round to one integer stay in the list. On a log scale this meets ordinary grids, far from using up
#   the range. With several sides each copy is multiplied by the others: all of them are trained again, and in a
#   table by value the small values seem to have more seeds. set() of the list cleans it, since configurations
#   are hashed by value.
# Output seen, 2026-11-30:
#   log, 10 steps over 20 values: [1, 1, 2, 3, 4, 5, 7, 10, 14, 20]
#   5 steps over 3 values, 2 of another: 10 points, 6 different
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet ConfigSpace==1.2.2 numpy==2.4.6 scipy==1.17.1

cat > probe.py <<'PYTHON'
from ConfigSpace import ConfigurationSpace, Float, Integer
from ConfigSpace.util import generate_grid

buckets = ConfigurationSpace([Integer("buckets", (1, 20), log=True)])
grid = [int(point["buckets"]) for point in generate_grid(buckets, {"buckets": 10})]
print(f"log, 10 steps over 20 values: {grid}")
plain = ConfigurationSpace([Integer("buckets", (1, 3)), Float("epsilon", (0.0, 1.0))])
points = generate_grid(plain, {"buckets": 5, "epsilon": 2})
print(f"5 steps over 3 values, 2 of another: {len(points)} points, {len(set(points))} different")
assert grid.count(1) == 2 and len(points) == 10 and len(set(points)) == 6
PYTHON
venv/bin/python probe.py
