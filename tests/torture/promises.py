"""Every promise that is attacked, in the order of docs/reliability.md."""

from __future__ import annotations

from tests.torture.attack import Promise

PROMISES: tuple[Promise, ...] = ()
