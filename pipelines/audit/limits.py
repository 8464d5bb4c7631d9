"""Limits of the audit: how many samples a check may flag before the audit fails."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mnist_data.errors import CheckFailed


def broken_limits(checks: pd.DataFrame, limits: Mapping[str, float]) -> list[str]:
    """Say which limits are broken, in words. checks: check, split, samples, flagged; the splits are added up."""
    broken = []
    for check, limit in limits.items():
        rows = checks[checks["check"] == check]
        flagged, samples = int(rows["flagged"].sum()), int(rows["samples"].sum())
        if flagged > (limit * samples if isinstance(limit, float) and limit < 1 else limit):
            allowed = f"{limit:.2%}" if isinstance(limit, float) and limit < 1 else f"{int(limit):,}"
            broken.append(f"{check}: {flagged:,} of {samples:,} flagged, at most {allowed} allowed")
    return broken


def require_limits(checks: pd.DataFrame, limits: Mapping[str, float]) -> None:
    """Raise CheckFailed where a limit is broken."""
    broken = broken_limits(checks, limits)
    if broken:
        raise CheckFailed("The audit broke " + ("a limit: " if len(broken) == 1 else "limits: ") + "; ".join(broken))
