"""What every public call gives back: what it wrote and where, its tables, its page, and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_data import storage
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

    from mnist_data.api.explore import Exploration


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """The outcome of one call.

    command: its name. out: where it wrote to, a folder, file or URL; None where nothing was written.
    dataset: the one that was written. tables: small ones by name. page: the file of its page, where one was asked for.
    findings: what else was found, by name. warnings: what a user should look at before the result is used.

    A result stands wherever a path can: `mnist_data.stats(mnist_data.clean("data/mnist", "clean"))`.
    """

    command: str
    out: str | None = None
    dataset: Dataset | None = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    page: str | None = None
    findings: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def page_url(self) -> str | None:
        """Give the address of the page as a browser takes it, as in file:///…/dashboard.html; None without a page."""
        if self.page is None:
            return None
        from mnist_data.api.pages import url_of  # loads pandas, for which a small file does not wait

        return url_of(self.page)

    def __fspath__(self) -> str:
        if self.out is None:
            raise WrongUse(
                f"This call of {self.command} has written nothing that could be named as a path; give `out`."
            )
        return self.out

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Give a table by its name; one that was only written is read from its file.

        Raises KeyError, which names the tables there are.
        """
        if name in self.tables:
            return self.tables[name]
        if name in self._written():
            return read_table(f"{self.out}/{name}.parquet")
        known = ", ".join(dict.fromkeys([*self.tables, *self._written()])) or "none"
        raise KeyError(f"{name!r} is no table of this call of {self.command}; there are: {known}")

    def explore(self, **settings: Any) -> Exploration:
        """Look at all samples of the dataset that was written in the browser, as `mnist_data.explore` does."""
        from mnist_data.api.explore import explore

        return explore(self, **settings)

    def _written(self) -> list[str]:
        """Name the tables that lie right in the folder that was written."""
        if self.out is None or self.dataset is not None or self.out.endswith((".html", ".onnx")):
            return []
        return [Path(path).stem for path in storage.files_in(self.out, ".parquet")]

    def __repr__(self) -> str:
        lines = [self.command if self.out is None else f"{self.command}: {self.out}"]
        lines += [f"  {self.dataset!r}"] if self.dataset is not None else []
        sizes = [f"{name} ({len(table):,} × {len(table.columns)})" for name, table in self.tables.items()]
        lines += [f"  tables: {', '.join(sizes)}"] if sizes else []
        lines += [f"  {name}: {_short(value)}" for name, value in self.findings.items()]
        lines += [f"  page: {self.page}"] if self.page else []
        lines += [f"  warning: {warning}" for warning in self.warnings]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Show a notebook the dataset, warnings, findings, the heads of the tables and a link to the page."""
        from dashboards.notebook import summary

        shown = summary(
            self.command if self.out is None else f"{self.command}: {self.out}",
            facts={name: _short(value) for name, value in self.findings.items()},
            warnings=self.warnings,
            images=self._images(),
            tables=self.tables,
            page=self.page,
        )
        return shown if self.dataset is None else self.dataset._repr_html_() + shown

    def _images(self) -> Any:
        """Give the images of the samples that were asked for, (n, height, width[, 3]) uint8; None without any."""
        samples = self.tables.get("samples")
        if samples is None or "image" not in samples:
            return None
        from dashboards.thumbnails import decode_images

        return decode_images(samples)


def _short(value: Any, most: int = 200) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[:most]}…"
