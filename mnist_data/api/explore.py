"""explore: all samples of a dataset on a page that answers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from os import PathLike, fspath
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING

from mnist_data import storage

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from dashboards.explorer.server import Serving


Place = str | PathLike[str]


class Exploration:
    """An explorer that is being served, until `close` is called or Python ends.

    address: of the page, with the token that lets a browser in.
    """

    def __init__(self, serving: Serving, resources: ExitStack) -> None:
        self.address = serving.address
        self._serving, self._resources = serving, resources
        self._thread = Thread(target=serving.forever, name="mnist-data-explore", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until it is closed, or until Ctrl-C."""
        while self._thread.is_alive():
            self._thread.join(1.0)

    def close(self) -> None:
        """Stop answering, and give back the port, files and memory."""
        self._serving.stop()
        self._thread.join()
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Exploration({self.address!r})"

    def _repr_html_(self) -> str:
        """Show a notebook a link to the page, which lets no other page hold it in a frame."""
        from dashboards.notebook import link

        return link("Explore all samples", self.address)


def explore(
    dataset: Place,
    *,
    tables: Place | Sequence[Place] | None = None,
    who: str | None = None,
    port: int = 0,
    open: bool = True,
) -> Exploration:
    """Look at all samples in the browser: filter, sort, and see what is known of each.

    dataset: or the workspace of a run. tables: Parquet tables with a column `id`, or folders of some, besides those
    next to the dataset. who: decides about samples, by default the user of this machine. port: of this machine; 0 for
    any that is free. open: open the page in the browser.

    The page is served to this machine only, from a thread of this process; the result, which a notebook shows as a
    link, has its `address`, and `close` ends it. Raises MissingExtra without the extra `explore`, WrongUse for a port
    in use or a table without ids, NoDataset where there is no dataset.
    """
    from dashboards.explorer.server import bind, serving
    from pipelines.run.explore import known_of, open_explorer

    with ExitStack() as stack:
        bound = stack.enter_context(bind(port))
        folder = stack.enter_context(TemporaryDirectory(prefix="mnist-data-explore-"))
        named = [tables] if isinstance(tables, str | PathLike) else list(tables or ())
        known = known_of(_path(dataset), [_path(table) for table in named])
        explorer = open_explorer(known, folder, who or "")
        stack.callback(explorer.close)
        exploration = Exploration(stack.enter_context(serving(explorer, bound)), stack.pop_all())
    if open:
        from mnist_data.api.pages import open_address  # loads pandas, for which the first screen does not wait

        open_address(exploration.address)
    return exploration


def _path(place: Place) -> str:
    """Give a path or URL as text. Raises WrongUse for one that is not UTF-8."""
    storage.require_utf8(fspath(place))
    return fspath(place)
