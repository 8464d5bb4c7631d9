"""What stands around the code: who may cite it and how, what a package index shows, what other machines run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import mnist_data

ROOT = Path(__file__).parent.parent
FILES = (
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    ".github/workflows/tests.yml",
    ".pre-commit-config.yaml",
    "docs/README.md",
    "docs/architecture.md",
)

pytestmark = pytest.mark.skipif(not (ROOT / "constraints.txt").is_file(), reason="the project is not beside the tests")


def read_yaml(name: str) -> Any:
    """Read a YAML file of the project."""
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def read_project() -> dict[str, Any]:
    """Read pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_a_well_kept_project_has(name: str) -> None:
    """Each file that a visitor looks for, with something in it."""
    assert len((ROOT / name).read_text(encoding="utf-8")) > 300


def test_the_citation_is_of_this_version_and_licence() -> None:
    """A citation names what is installed, and where it comes from."""
    citation, project = read_yaml("CITATION.cff"), read_project()["project"]

    assert citation["version"] == mnist_data.__version__
    assert citation["license"] == project["license"]
    assert citation["repository-code"] == project["urls"]["Source"]


def test_the_package_index_gets_no_relative_link() -> None:
    """Built as for an upload: a reader there has no files beside the README."""
    util = pytest.importorskip("build.util")
    pytest.importorskip("hatch_fancy_pypi_readme")
    metadata = util.project_wheel_metadata(ROOT, isolated=False)
    shown = metadata["Description"] or metadata.get_payload()

    links = re.findall(r"\]\(([^)]+)\)|(?:src|href)=\"([^\"]+)\"", shown)
    addresses = [markdown or html for markdown, html in links]
    in_readme = re.findall(r"\]\(((?!http)[^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))

    assert len(addresses) >= len(in_readme) > 10
    assert [address for address in addresses if not address.startswith("https://")] == []
    for name in in_readme:
        assert any(address.endswith(f"/main/{name}") for address in addresses), name


def test_pre_commit_runs_the_pinned_ruff() -> None:
    """A commit is checked by the version that `make lint` runs."""
    pinned = re.search(r"^ruff==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    revisions = {hook["repo"]: hook.get("rev") for hook in read_yaml(".pre-commit-config.yaml")["repos"]}

    assert pinned is not None
    assert revisions["https://github.com/astral-sh/ruff-pre-commit"] == f"v{pinned[1]}"


def test_every_python_that_is_promised_is_tested() -> None:
    """The classifiers are the matrix, and the first of them is what pip requires."""
    project = read_project()["project"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    matrix = read_yaml(".github/workflows/tests.yml")["jobs"]["tests"]["strategy"]["matrix"]

    assert matrix["python"] == promised
    assert project["requires-python"] == f">={promised[0]}"


def test_every_dependency_has_a_floor_and_a_pin() -> None:
    """Users are bound by a range, the tests by the version that they last passed with."""
    content = read_project()
    groups = {**content["project"]["optional-dependencies"], **content["dependency-groups"]}
    named = [*content["project"]["dependencies"], *(name for group in groups.values() for name in group)]
    pinned = set(re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE))

    for requirement in named:
        if not requirement.startswith("mnist-data["):
            assert re.fullmatch(r"[\w-]+(\[[\w,]+\])?>=[\d.]+", requirement), requirement
            assert re.split(r"[\[>]", requirement)[0] in pinned, requirement


def test_the_changelog_keeps_to_its_form() -> None:
    """Versions, the newest first, and below each only the headings of Keep a Changelog, with entries below them."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)

    assert versions[0] == "Unreleased"
    assert mnist_data.__version__ in versions
    for heading, body in re.findall(r"^### (.+)\n\n((?:(?!#).*\n?)*)", text, re.MULTILINE):
        assert heading in ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
        assert body.startswith("- ")


def test_every_page_is_in_the_index() -> None:
    """Once, with a sentence."""
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[([\w-]+\.md)\]\(([\w-]+\.md)\) \| (.+) \|$", index, re.MULTILINE)
    pages = sorted(path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md")

    assert sorted(address for _, address, _ in rows) == pages
    assert all(name == address and len(sentence) > 20 for name, address, sentence in rows)


def test_contributing_names_what_exists() -> None:
    """Files in backticks and links, and tables of the code, as they lie today."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:mnist_data|pipelines|dashboards|tests|docs|benchmarks)/[\w/.]*)`", text)
    named += re.findall(r"\]\((?!http)([^)]+)\)", text)

    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []
    code = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in named if name.endswith(".py"))
    for table in re.findall(r"`([A-Z]{4,})`", text):
        assert re.search(rf"^{table}\b", code, re.MULTILINE), table
