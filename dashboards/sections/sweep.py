"""The sections about many trainings or many files: the points of a sweep, and the variants of a compression."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.blocks import Block, Card, Cards, Table
from dashboards.formats import MISSING, count, duration, interval, percent
from dashboards.language import mark, tr
from dashboards.sections.data import Tables

SCORES = (
    "point",
    "validation_accuracy",
    "low",
    "high",
    "validation_loss",
    "epochs_done",
    "seconds",
    "parameters",
    "runs",
)
"""Columns of the table that are no settings."""


def sweep(tables: Tables) -> list[Block]:
    """Give the best point, every point, and what each setting does."""
    points, effects = tables["sweep"], tables.get("effects", pd.DataFrame())
    settings = [str(name) for name in points if name not in SCORES]
    varied = [name for name in settings if len(set(points[name].astype(str))) > 1]
    cards = [
        Card(
            percent(points["validation_accuracy"].max(), 2),
            tr("best validation accuracy"),
            _named(points.iloc[0], varied),
        ),
        Card(count(len(points)), tr("points"), tr("{count} trainings", count=count(points["runs"].sum()))),
    ]
    rows = pd.DataFrame([_point(row, varied) for row in points.to_dict("records")])
    alike = [(name, str(points[name].iloc[0])) for name in settings if name not in varied]
    blocks: list[Block] = [Cards(cards, strong=True), Table(rows, tr("Every point, the best first"))]
    if len(effects):
        blocks.append(
            Table(pd.DataFrame([_effect(row) for row in effects.to_dict("records")]), tr("Each setting by itself"))
        )
    if alike:
        blocks.append(
            Table(
                pd.DataFrame(alike, columns=[mark("setting"), "value"]), tr("Show what all points share"), folded=True
            )
        )
    return blocks


def _named(row: pd.Series[Any], settings: list[str]) -> str:
    return ", ".join(f"{name} {row[name]}" for name in settings)


def _point(row: dict[Any, Any], settings: list[str]) -> dict[str, str]:
    several = pd.notna(row["low"])
    between = {"95 % interval": interval(row["low"], row["high"])} if several else {}
    return {
        **{name: str(row[name]) for name in settings},
        "validation accuracy": percent(row["validation_accuracy"], 2)
        if pd.notna(row["validation_accuracy"])
        else tr("diverged"),
        **between,
        mark("loss"): f"{row['validation_loss']:.4f}",
        "parameters": count(row["parameters"]),
        "training time": duration(row["seconds"]),
    }


def _effect(row: dict[Any, Any]) -> dict[str, str]:
    return {
        "setting": str(row["setting"]),
        "value": str(row["value"]),
        mark("points"): count(row["points"]),
        mark("mean validation accuracy"): percent(row["validation_accuracy"], 2),
        mark("below the best"): MISSING if pd.isna(row["below_best"]) else f"{100 * row['below_best']:.2f}",
    }


def compression(tables: Tables) -> list[Block]:
    """Give the smallest file, and what each variant costs and is worth."""
    frame = tables["compression"]
    smallest = frame.nsmallest(1, "bytes").iloc[0]
    cards = [
        Card(
            _size(frame["bytes"].iloc[0]),
            tr("the original"),
            tr("accuracy {accuracy}", accuracy=percent(frame["accuracy"].iloc[0], 2)),
        ),
        Card(_size(smallest["bytes"]), tr("the smallest file"), str(smallest["variant"])),
        Card(
            percent(smallest["accuracy"], 2),
            tr("its accuracy"),
            tr("{difference:+.2f} points", difference=smallest["difference"]),
        ),
    ]
    return [
        Cards(cards, strong=True),
        Table(pd.DataFrame([_variant(row) for row in frame.to_dict("records")]), tr("Files")),
    ]


def _size(number: float) -> str:
    return f"{number / 1000:,.0f} kB"


def _variant(row: dict[Any, Any]) -> dict[str, str]:
    return {
        mark("file"): str(row["variant"]),
        mark("size"): _size(row["bytes"]),
        mark("of the original"): percent(row["ratio"], 0),
        "accuracy": percent(row["accuracy"], 2),
        "95 % interval": interval(row["low"], row["high"]),
        "points": f"{row['difference']:+.2f}",
        mark("same predictions"): percent(row["agreement"], 2),
        "multiply-adds": count(row["multiply_adds"]),
        mark("µs, one image"): f"{row['latency_1']:.1f}",
        mark("µs, one of 256"): f"{row['latency_256']:.1f}",
    }
