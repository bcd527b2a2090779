"""A plain install of the wheel, in an environment and folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_the_wheel_trains_from_an_empty_folder(tmp_path: Path) -> None:
    """The wheel carries its configs: installed alone it trains, tracks and finds presets."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
    [wheel] = tmp_path.glob("qsweep-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"qsweep/conf/train.yaml", "qsweep/py.typed"} <= set(names)
    assert not any(name.startswith(("tests/", "conf/", "docs/")) for name in names)
    # The dependencies are those of this environment; qsweep itself is not, but for the wheel.
    venv.create(tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    [site] = (tmp_path / "env").glob("lib/python*/site-packages")
    here = next(path for path in sys.path if path.endswith("site-packages"))
    dependencies = tmp_path / "dependencies"
    dependencies.mkdir()
    for entry in Path(here).iterdir():
        if "qsweep" not in entry.name and entry.name not in ("hydra_plugins",):
            (dependencies / entry.name).symlink_to(entry)
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    (site / "hydra_plugins" / "hydra_joblib_launcher").symlink_to(
        Path(here) / "hydra_plugins" / "hydra_joblib_launcher"
    )
    folder = tmp_path / "empty"
    folder.mkdir()
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = tmp_path / "env" / "bin" / "qsweep"
    for arguments in (["episodes=300"], ["-m", "seed=0,1", "episodes=300"]):
        given = ["env=cart_pole", *arguments]  # one environment: what is compiled is installed anew, too
        ran = subprocess.run(
            [command, "train", *given], cwd=folder, env=plain, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
    where = subprocess.run(
        [python, "-c", "import qsweep; print(qsweep.__file__)"],
        cwd=folder,
        env=plain,
        capture_output=True,
        text=True,
    )
    assert str(site) in where.stdout
    assert (folder / "mlruns" / "mlflow.db").exists()
