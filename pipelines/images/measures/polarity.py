"""Whether the background of some images is dark or bright, where no table of measures is at hand."""

from __future__ import annotations

from mnist_data.batch import Images
from pipelines.images.measures.background import Floats, Polarity, border_positions, polarity_of
from pipelines.images.measures.pixels import measure_ranges


def estimate_polarity(images: Images) -> Polarity:
    """Say whether the background is dark or bright, or undecided, by some images, (n, height, width) or in colour."""
    return polarity_of(measure_border_positions(images))[0] if len(images) else "undecided"


def measure_border_positions(images: Images) -> Floats:
    """Give where the mean of each image's border lies, (n,), as `border_positions` does; n is at least 1."""
    columns = measure_ranges(images)
    names = ("not_finite", "lowest", "highest", "contrast", "border_mean")
    return border_positions(*(columns[name] for name in names))
