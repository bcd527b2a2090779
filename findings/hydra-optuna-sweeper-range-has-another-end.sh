#!/usr/bin/env bash
# hydra-optuna-sweeper 1.3.0: n=range(1,4) runs 1 to 3 by the basic sweeper and 1 to 4 by Optuna's.
#
# Source: hydra_plugins/hydra_optuna_sweeper/_impl.py, create_optuna_distribution_from_override (an integer
#   distribution from start to stop, both of which belong to it) and _to_grid_sampler_choices (without the last one).
# Expected: range(1,4) is half-open, as Hydra's grammar has it, and as it is without the plugin: an override means the
#   same values whoever draws them.
# Happens: for the samplers the stop is a value like the others, so a search tries what the sweep excludes: an index or
#   a number of buckets one too large. The plugin's own grid sampler leaves the stop out again, so that random search
#   may find a best value that the grid of the same line does not have.
# Output seen, 2026-11-30, 30 trials by random:
#   n=range(1,4): basic sweeper 1 2 3; Optuna, random 1 2 3 4; Optuna, grid 1 2 3
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet hydra-core==1.3.8 omegaconf==2.3.0 hydra-optuna-sweeper==1.3.0

echo "n: 0" > config.yaml
cat > app.py <<'PYTHON'
import os

import hydra


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(config):
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(f"{config.n}\n")
    return 0.0


main()
PYTHON
values() {
  rm -f seen
  SEEN="$folder/seen" venv/bin/python -W ignore app.py --multirun "$@" > log 2>&1 || { cat log >&2; exit 1; }
  sort -n seen | uniq | tr '\n' ' '
}
optuna="hydra/sweeper=optuna hydra.sweeper.n_trials=30 hydra.sweeper.n_jobs=1"
basic=$(values 'n=range(1,4)')
random=$(values $optuna hydra/sweeper/sampler=random 'n=range(1,4)')
grid=$(values $optuna hydra/sweeper/sampler=grid 'n=range(1,4)')
echo "n=range(1,4): basic sweeper $basic; Optuna, random $random; Optuna, grid $grid"
[ "$basic" = "1 2 3 " ] && [ "$random" = "1 2 3 4 " ] && [ "$grid" = "1 2 3 " ]
