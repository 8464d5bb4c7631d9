"""The layout is the architecture: who may import whom, and what the command line costs to start."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dashboards
import mnist_data
import pipelines

ROOTS = {package.__name__: Path(str(package.__file__)).parent for package in (mnist_data, pipelines, dashboards)}
HEAVY = ("numpy", "pandas", "pyarrow", "dask", "distributed", "plotly", "torch", "numba", "sklearn", "rich")


def imported_packages(path: Path) -> set[str]:
    """Name the top-level packages that a file imports, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_the_core_imports_nothing_above_it() -> None:
    """mnist_data, except its command line, knows neither pipelines nor dashboards."""
    core = [path for path in ROOTS["mnist_data"].rglob("*.py") if "cli" not in path.parts]

    assert len(core) > 10
    assert [path for path in core if imported_packages(path) & {"pipelines", "dashboards"}] == []


def test_the_dashboards_do_not_know_the_stages() -> None:
    """They read tables, whoever made them."""
    assert [path for path in ROOTS["dashboards"].rglob("*.py") if "pipelines" in imported_packages(path)] == []


def test_only_the_engine_knows_dask() -> None:
    """Everything else hands it functions and tasks."""
    files = [path for root in ROOTS.values() for path in root.rglob("*.py")]

    users = {path for path in files if imported_packages(path) & {"dask", "distributed"}}

    assert users == {ROOTS["pipelines"] / "engine/engine.py"}


def test_nothing_unpickles() -> None:
    """Weights are safetensors, tables Parquet: no file that we read can run code."""
    for root in ROOTS.values():
        for path in root.rglob("*.py"):
            assert not imported_packages(path) & {"pickle", "joblib", "shelve", "marshal"}
            assert "torch.load" not in path.read_text(encoding="utf-8")


def test_help_loads_nothing_heavy() -> None:
    """`mnist-data --help` answers at once: not even NumPy is imported for it."""
    code = "import sys, mnist_data.cli as cli\nsys.argv = ['mnist-data', '--help']\n"
    code += "try: cli.main()\nexcept SystemExit: pass\n"
    code += f"print([name for name in {HEAVY} if name in sys.modules])"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.splitlines()[-1] == "[]"


def test_the_command_is_not_led_astray_by_the_folder_it_is_called_in(tmp_path: Path) -> None:
    """`pipelines` is a name that others use, too: a foreign folder of that name must not be imported."""
    for name in ("pipelines", "dashboards"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('foreign')")
    script = Path(sys.executable).with_name("mnist-data")
    if not script.exists():
        pytest.skip("the console script is not installed beside this Python")

    ended = subprocess.run(
        [script, "convert", "sample", "out"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, "")
