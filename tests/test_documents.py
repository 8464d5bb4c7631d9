"""The documents say what is: every command, every snippet, every file they name."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import mnist_data
from mnist_data.cli import app
from mnist_data.known.catalog import CATALOG
from mnist_data.parquet.dataset import Dataset
from pipelines.claims.claim import TESTS, read_claims
from pipelines.images.corruptions import TABLE
from pipelines.settings.recipe import PRESETS, TRANSFORMS, recipe_of
from pipelines.stages.augment import augment

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = [str(command.name) for command in app.registered_commands]

pytestmark = pytest.mark.skipif(not (ROOT / "README.md").is_file(), reason="the documents are not beside the tests")


def test_the_readme_begins_with_the_two_commands() -> None:
    """`make run` and `make test`, before anything else that could be typed."""
    commands = re.findall(r"^(make \w+)", (ROOT / "README.md").read_text(), re.MULTILINE)

    assert commands[:2] == ["make run", "make test"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    """In the table of commands."""
    assert f"| `mnist-data {command} " in (ROOT / "README.md").read_text()


def test_every_file_that_is_named_exists() -> None:
    """Links, pictures and the tests that hold a promise."""
    for page in PAGES:
        text = page.read_text()
        named = re.findall(r"\]\((?!http)([^)]+)\)", text) + re.findall(r"`(tests/[\w/.]+)`", text)
        for name in named:
            assert (page.parent / name).exists() or (ROOT / name).exists(), (page.name, name)


def test_the_readmes_python_runs(digits: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every snippet but Hugging Face's, one after another, on the sample in the place of MNIST."""
    pytest.importorskip("torch")
    pytest.importorskip("polars")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/mnist").symlink_to(digits.location)
    (tmp_path / "data/mnist.manifest.json").symlink_to(f"{digits.location}.manifest.json")
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    names: dict[str, object] = {}

    for snippet in snippets:
        if "load_dataset" not in snippet:
            exec(snippet, names)

    assert len(snippets) == 7
    assert len(names["data"]) == 1437  # type: ignore[arg-type]


def test_the_page_on_augmentation_knows_every_transform_column_and_preset() -> None:
    """In its tables; and the recipe shown is one."""
    text = (ROOT / "docs/augmentation.md").read_text()
    named = set(re.findall(r"`([\w.]+)`", text))
    recipe = recipe_of(tomllib.loads(text.split("```toml")[1].split("```")[0]), "docs")

    for name, transform in TRANSFORMS.items():
        assert {name, *transform.amounts, *transform.places} <= named
    assert all(f"| `{preset}`" in text for preset in PRESETS)
    assert recipe.amounts["blur"].probability == 0.25
    assert "shear" not in recipe.amounts


def test_the_page_on_corruptions_has_every_parameter() -> None:
    """Its table is that of the code, number for number."""
    lines = (ROOT / "docs/corruptions.md").read_text().split("| --- |", 1)[1].splitlines()[1:]
    found: dict[str, list[tuple[float, ...]]] = {}
    for line in lines[: lines.index("")]:
        name, _, _, *values = (cell.strip(" `") for cell in line.strip("|").split("|"))
        found.setdefault(name or list(found)[-1], []).append(tuple(map(float, values)))

    assert {name: list(zip(*one.severities, strict=True)) for name, one in TABLE.items()} == found


def test_the_page_on_fetching_knows_every_dataset_and_who_publishes_its_checksums() -> None:
    """In its table, by name; of a source at least the project."""
    rows = [line.split("|") for line in (ROOT / "docs/fetch.md").read_text().splitlines() if line.startswith("| `")]
    sources = {name: row[3] for row in rows for name in re.findall(r"`([\w-]+)`", row[1])}

    assert set(CATALOG) <= set(sources)
    for entry in CATALOG.values():
        project = "/".join(entry.checksum_source.split(" ")[0].split("/")[:5])
        assert project in sources[entry.name]


def test_the_page_on_claims_knows_every_test_and_its_parameters(tmp_path: Path) -> None:
    """In its table; and the file shown is one of claims."""
    text = (ROOT / "docs/claims.md").read_text()
    rows = {row[0]: set(row[1:]) for row in (re.findall(r"`(\w+)`", line) for line in text.splitlines()) if row}
    (tmp_path / "mine.toml").write_text(text.split("```toml")[1].split("```")[0])

    assert {name: set(test.parameters) for name, test in TESTS.items()}.items() <= rows.items()
    assert len(read_claims(tmp_path / "mine.toml")) == 2


def test_the_snippet_that_makes_a_copy_again_runs(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And gives the image that is stored."""
    monkeypatch.chdir(tmp_path)
    more = augment(digits, tmp_path / "data/mnist-more")
    snippet = (ROOT / "docs/augmentation.md").read_text().split("```python\n")[1].split("```")[0]
    names: dict[str, object] = {}

    exec(snippet, names)
    made = eval(snippet.splitlines()[-1].split("#")[0], names)

    assert (made == mnist_data.images(mnist_data.load(more.location))[17]).all()
