"""The layout is the architecture: who may import whom, and what the command line costs to start."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Collection
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import dashboards
import mnist_data
import pipelines

ROOTS = {package.__name__: Path(str(package.__file__)).parent for package in (mnist_data, pipelines, dashboards)}
HEAVY = ("jinja2", "numpy", "pandas", "pyarrow", "dask", "distributed", "plotly", "torch", "numba", "sklearn", "rich")


ROOMS = (
    "mnist_data.errors",
    "mnist_data.version",
    "mnist_data.batch",
    "mnist_data.storage",
    "mnist_data.compiled",
    "mnist_data.idx",
    "mnist_data.images_in",
    "mnist_data.parquet",
    "mnist_data.images_out",
    "mnist_data.known",
    "dashboards",
    "pipelines.settings",
    "pipelines.engine",
    "pipelines.kernels",
    "pipelines.images",
    "pipelines.stages",
    "pipelines.statistics",
    "pipelines.networks",
    "pipelines.audit",
    "pipelines.drift",
    "pipelines.claims",
    "pipelines.run",
    "mnist_data.api",
    "mnist_data.cli",
)
"""Where each module lives, in the order of the house: a room imports rooms before it, and none behind it."""

FACADE = ("mnist_data", "mnist_data.__main__", "mnist_data.figures", "pipelines")
"""What stands before the rooms: the public names, which load from the last rooms on first use, and empty packages."""


def modules() -> dict[str, Path]:
    """Give every module of the three packages by its dotted name."""
    found = {}
    for name, root in ROOTS.items():
        for path in root.rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join((name, *(part for part in parts if part != "__init__")))] = path
    return found


def imported_modules(path: Path, known: Collection[str]) -> set[str]:
    """Name the modules of ours that a file imports: at its top, in functions, and by their names in strings."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & set(known)
            names |= submodules or {node.module}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return names & set(known)


def room_of(module: str) -> int:
    """Give the place of a module's room; -1 for what stands before them all."""
    if module in FACADE:
        return -1
    return next(place for place, room in enumerate(ROOMS) if module == room or module.startswith(f"{room}."))


def imported_packages(path: Path) -> set[str]:
    """Name the top-level packages that a file imports, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_each_room_imports_only_rooms_before_it() -> None:
    """Data flows one way. The public names alone look ahead, and nothing but `__main__` looks back at them."""
    known = modules()

    against = [
        (module, imported)
        for module, path in known.items()
        if module not in FACADE
        for imported in imported_modules(path, known)
        if room_of(imported) > room_of(module) or imported in FACADE
    ]

    assert against == []


def test_the_house_has_few_rooms_and_all_of_them_exist() -> None:
    """Each has something in it, and no module is outside."""
    known = modules()

    assert len(ROOMS) <= 24
    assert {room_of(module) for module in known} == set(range(-1, len(ROOMS)))


def test_the_page_on_the_architecture_has_the_rooms_in_their_order() -> None:
    """Its table is this list, with what each room holds."""
    page = Path(__file__).parent.parent / "docs/architecture.md"
    if not page.is_file():
        pytest.skip("the documents are not beside the tests")
    rows = re.findall(r"^\| `([\w.]+)` \| (.+?) \|", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert tuple(room for room, _ in rows) == ROOMS
    assert all(len(holds) > 15 for _, holds in rows)


def test_modules_import_each_other_in_no_circle() -> None:
    """Within a room, too: whatever a module needs can be read before it."""
    known = modules()
    graph = {module: imported_modules(path, known) - {module} for module, path in known.items() if module not in FACADE}

    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_an_import_that_goes_against_the_order_is_seen(tmp_path: Path) -> None:
    """In a function, and as a string handed to import_module."""
    path = tmp_path / "module.py"
    path.write_text("def late():\n    from pipelines.run import run\n    import_module('mnist_data.cli')\n")

    assert imported_modules(path, modules()) == {"pipelines.run.run", "mnist_data.cli"}


def test_only_the_engine_knows_dask() -> None:
    """Everything else hands it functions and tasks."""
    files = [path for root in ROOTS.values() for path in root.rglob("*.py")]

    users = {path for path in files if imported_packages(path) & {"dask", "distributed"}}

    assert users == {ROOTS["pipelines"] / "engine" / name for name in ("clusters.py", "engine.py")}


def test_nothing_unpickles() -> None:
    """Weights are safetensors, tables Parquet: no file that we read can run code."""
    for root in ROOTS.values():
        for path in root.rglob("*.py"):
            assert not imported_packages(path) & {"pickle", "joblib", "shelve", "marshal"}
            assert "torch.load" not in path.read_text(encoding="utf-8")


def test_no_text_is_escaped_by_hand() -> None:
    """HTML is written by templates, which escape every text; one `escape` forgotten in an f-string is an injection."""
    files = [path for root in ROOTS.values() for path in root.rglob("*.py")]

    assert not [path for path in files if "html" in imported_packages(path)]


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
