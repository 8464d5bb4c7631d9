"""Drift: the distances are those of other implementations, planted drift is found, and chance is not."""

from __future__ import annotations
