"""Words of the tables that pages show, so that the catalogues have them: columns, measures, checks, transforms.

`spaced` and the headings of a table look them up. Names that are not here, as of users' own columns, stay as they are.
"""

from __future__ import annotations

from dashboards.language import mark

COLUMNS = (
    mark("split"),
    mark("label"),
    mark("name"),
    mark("class"),
    mark("sample"),
    mark("samples"),
    mark("classes"),
    mark("height"),
    mark("width"),
    mark("channels"),
    mark("mean"),
    mark("std"),
    mark("minimum"),
    mark("maximum"),
    mark("pixels that are 0"),
    mark("polarity"),
    mark("fraction"),
    mark("feature"),
    mark("other"),
    mark("pearson"),
    mark("dimension"),
    mark("low"),
    mark("high"),
    mark("check"),
    mark("flagged"),
    mark("threshold"),
    mark("measured"),
    mark("reason"),
    mark("action"),
    mark("samples read"),
    mark("labelled"),
    mark("kept"),
    mark("changed"),
    mark("removed"),
    mark("copy"),
    mark("change"),
    mark("of"),
    mark("model"),
    mark("seed"),
    mark("seeds"),
    mark("accuracy"),
    mark("95 % interval"),
    mark("correct"),
    mark("errors"),
    mark("parameters"),
    mark("epoch"),
    mark("epochs"),
    mark("train loss"),
    mark("train accuracy"),
    mark("validation loss"),
    mark("validation accuracy"),
    mark("learning rate"),
    mark("seconds"),
    mark("train"),
    mark("validation"),
    mark("lowest"),
    mark("highest"),
    mark("ensemble"),
    mark("true"),
    mark("predicted"),
    mark("decile"),
    mark("temperature"),
    mark("confidence"),
    mark("severity"),
    mark("corruption"),
    mark("explained"),
    mark("probability"),
    mark("logit"),
    mark("measure"),
    mark("value"),
    mark("significant"),
    mark("writer"),
    mark("writers"),
    mark("shared writers"),
    mark("shared samples"),
    mark("median samples"),
)
"""Columns of tables, as headings."""

MEASURES = (
    mark("ink"),
    mark("thickness"),
    mark("length"),
    mark("slant"),
    mark("area"),
    mark("components"),
    mark("holes"),
    mark("end points"),
    mark("border contact"),
    mark("entropy"),
    mark("centre row"),
    mark("centre column"),
    mark("stroke row"),
    mark("stroke column"),
    mark("top"),
    mark("bottom"),
    mark("left"),
    mark("right"),
    mark("intensity"),
    mark("all features"),
    mark("all pixels"),
    mark("features"),
    mark("pixels"),
    mark("wasserstein"),
    mark("jensen shannon"),
    mark("kolmogorov smirnov"),
    mark("l infinity"),
    mark("auc"),
)
"""What is measured of samples, and distances between such measures."""

CHECKS = (
    mark("not finite"),
    mark("blank"),
    mark("constant"),
    mark("inverted"),
    mark("cropped"),
    mark("off centre"),
    mark("noisy"),
    mark("blurred"),
    mark("low ink"),
    mark("over inked"),
    mark("transposed"),
    mark("exact duplicate"),
    mark("near duplicate"),
    mark("label conflict"),
    mark("leaked"),
    mark("label error"),
    mark("class imbalance"),
    mark("background"),
    mark("bright background"),
    mark("duplicate"),
    mark("outlier pixels"),
    mark("removed by decision"),
    mark("relabelled by decision"),
)
"""Checks of the audit, and reasons of cleaning."""

TRANSFORMS = (
    mark("rotation"),
    mark("scale"),
    mark("scale x"),
    mark("scale y"),
    mark("shear"),
    mark("shift"),
    mark("shift x"),
    mark("shift y"),
    mark("perspective"),
    mark("perspective x"),
    mark("perspective y"),
    mark("elastic"),
    mark("cutout"),
    mark("cutout x"),
    mark("cutout y"),
    mark("blur"),
    mark("contrast"),
    mark("brightness"),
    mark("noise"),
    mark("impulse"),
    mark("degrees counter-clockwise"),
    mark("size, as a multiple"),
    mark("width, as a multiple"),
    mark("height, as a multiple"),
    mark("pixels to the right for each pixel up"),
    mark("fraction of the width and of the height"),
    mark("how much nearer the right and the lower edge are than the middle"),
    mark("Simard's alpha, pixels"),
    mark("pixels by which the edge of a stroke moves outwards"),
    mark("side of the square cut out, fraction of the image's"),
    mark("sigma of the Gaussian, pixels"),
    mark("distance from middle grey, as a multiple"),
    mark("fraction of the white level that is added"),
    mark("standard deviation, fraction of the white level"),
    mark("fraction of the pixels set to background or the white level"),
)
"""Transforms of a recipe, their amounts, and what these mean."""

CORRUPTIONS = (
    mark("shot noise"),
    mark("impulse noise"),
    mark("glass blur"),
    mark("motion blur"),
    mark("rotate"),
    mark("translate"),
    mark("stripe"),
    mark("fog"),
    mark("spatter"),
    mark("dotted line"),
    mark("zigzag"),
    mark("canny edges"),
    mark("identity"),
)
"""Corruptions, but for those that are called as a transform is."""

CHANGES = (
    mark("unchanged"),
    mark("added"),
    mark("altered"),
    mark("relabelled"),
    mark("moved"),
    mark("renumbered"),
)
"""What can have happened to a sample from one version of a dataset to another."""

SEVERITIES = (mark("Problem"), mark("Warning"), mark("Note"))
"""How serious a finding is."""

KINDS = (
    mark("Statistics"),
    mark("Audit"),
    mark("Claims"),
    mark("Changes"),
    mark("Drift"),
    mark("Comparison"),
    mark("Compression"),
    mark("Cleaning"),
    mark("Augmentation"),
    mark("Corruptions"),
    mark("Preparation"),
    mark("Explanations"),
    mark("Predictions"),
    mark("Sweep"),
    mark("Training"),
)
"""What was done, above the title of a page."""

NOTES = (
    mark(
        "This is not MNIST: it is the embedded sample, the 1,797 handwritten digits that ship with scikit-learn, "
        "brought from 8×8 to 28×28 pixels as MNIST was made."
    ),
)
"""What a reader must know of a known dataset before all else."""

SAMPLE_MEASURES = (
    mark("suggested label"),
    mark("label probability"),
)
"""What an audit says of a sample."""

SET_ASIDE = (
    mark("a speck or a small mark"),
    mark("larger than the digits: a line, a drawing or joined writing"),
    mark("more holes than a digit has"),
    mark("covers most of the picture, and no stroke is seen"),
)
"""Why a shape in a photo was taken for no digit."""
