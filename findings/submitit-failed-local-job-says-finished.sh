#!/usr/bin/env bash
# submitit 1.5.4: a local job that raised is in state FINISHED, as one that succeeded.
#
# Source: submitit/local/local.py, LocalJob.get_info, which knows RUNNING, INTERRUPTED (killed) and FINISHED.
# Expected: the state of a job that raised is FAILED, as on Slurm.
# Happens: the state tells only that the process has ended. done() is true, the traceback is in the result file,
#   and only result() or exception() show the failure. A monitor that counts states reports a sweep without failures.
# Output seen, 2026-11-30:
#   job that returned: FINISHED None
#   job that raised: FINISHED FailedJobError
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet submitit==1.5.4

cat > probe.py <<'PYTHON'
import submitit


def train(alpha):
    if alpha > 1:
        raise ValueError("alpha must be at most 1")
    return alpha


executor = submitit.LocalExecutor(folder="logs")
executor.update_parameters(timeout_min=5)
seen = []
for alpha, what in ((0.5, "returned"), (2.0, "raised")):
    job = executor.submit(train, alpha)
    error = job.exception()
    job.wait()
    seen.append((job.state, type(error).__name__ if error else None))
    print(f"job that {what}:", *seen[-1])
assert seen == [("FINISHED", None), ("FINISHED", "FailedJobError")]
PYTHON
venv/bin/python probe.py
