"""Every promise that is attacked, in the order of docs/reliability.md."""

from __future__ import annotations

from tests.torture.attack import Promise
from tests.torture.clusters import fail_clusters

PROMISES: tuple[Promise, ...] = (
    Promise(
        "clusters",
        "On a cluster that fails: the bytes of threads, or an error by name and no wait without end",
        fail_clusters,
    ),
)
