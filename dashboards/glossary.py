"""The glossary: what the terms of each section mean, in one place. A page shows them in a fold of the section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboards.language import mark, tr


@dataclass(frozen=True)
class Term:
    """A term and what it means, in a sentence or two. formula: how it is computed. source: where it was published."""

    name: str
    meaning: str
    formula: str = ""
    source: str = ""


TERMS: Mapping[str, Term] = {
    "split": Term(
        mark("Split"),
        mark("A part of the dataset with one purpose: train to learn from, validation to choose by, test to judge by."),
    ),
    "std": Term(
        mark("Standard deviation (std)"),
        mark("How far values typically lie from their mean."),
        "σ = √(Σ(x − μ)² / n)",
    ),
    "imbalance": Term(
        mark("Class imbalance"),
        mark("Some classes have many more samples than others; accuracy on all samples then hides the rare ones."),
    ),
    "mean-image": Term(
        mark("Mean image"),
        mark(
            "Each pixel is the mean of that pixel over the samples: sharp where they agree, blurred where they differ."
        ),
    ),
    "intensity": Term(
        mark("Pixel intensity"),
        mark("How bright a pixel is, on a scale from 0 (black) to 1 (white), whatever type the pixels are stored as."),
    ),
    "logarithmic": Term(
        mark("Logarithmic scale"),
        mark("Each step multiplies by ten, so that rare and frequent values can be seen in one chart."),
    ),
    "ink": Term(
        mark("Ink"),
        mark("The sum of all pixels, each from 0 to 1: how much has been written, in white pixels."),
        "Σ x",
    ),
    "centre": Term(
        mark("Centre of mass"),
        mark(
            "The mean position of the ink, each pixel counted as often as it is bright. MNIST centres its digits by it."
        ),
        "Σ x·(row, column) / Σ x",
        "LeCun, Bottou, Bengio, Haffner 1998",
    ),
    "box": Term(
        mark("Bounding box"),
        mark("The smallest upright rectangle that holds all pixels above 0."),
    ),
    "percentile": Term(
        mark("Quartiles and percentiles"),
        mark(
            "A quarter of the values lies below the first quartile, half below the median, 5 in 100 below the 5th "
            "percentile."
        ),
    ),
    "skeleton": Term(
        mark("Skeleton"),
        mark("The middle line of the strokes: all points that are equally far from two edges."),
        "",
        "Blum 1967",
    ),
    "thickness": Term(
        mark("Thickness"),
        mark("Twice the mean distance from the skeleton to the edge of the stroke, in pixels."),
        "",
        "Castro et al., Morpho-MNIST, JMLR 20 (2019)",
    ),
    "slant": Term(
        mark("Slant"),
        mark("How far strokes lean, from the moments of the ink; above 0, the upper end leans to the right."),
        "atan(−μ₁₁ / μ₀₂)",
        "Castro et al., Morpho-MNIST, JMLR 20 (2019)",
    ),
    "series": Term(
        mark("Series hsf_0 to hsf_7"),
        mark("Batches of NIST's handwriting forms: hsf_4 was written by students, the others by census staff."),
        "",
        "Grother, NIST Special Database 19",
    ),
    "pearson": Term(
        mark("Pearson correlation r"),
        mark(
            "How closely two measures follow a common straight line: 1 rise together, 0 no linear relation, −1 "
            "opposite."
        ),
        "r = cov(x, y) / (σx·σy)",
    ),
    "clustering": Term(
        mark("Hierarchical clustering"),
        mark(
            "Joins the most strongly correlated measures first, then groups of them; the order of the rows follows "
            "from it."
        ),
        "1 − |r|",
        "Bar-Joseph, Gifford, Jaakkola 2001",
    ),
    "components": Term(
        mark("Principal components"),
        mark(
            "Directions in the space of all pixels, the first along the greatest variance, each at right angles to "
            "the others."
        ),
        "",
        "Pearson 1901",
    ),
    "variance": Term(
        mark("Explained variance"),
        mark("The fraction of all differences between images that the first components describe."),
        "Σ₁ᵏ λ / Σ λ",
    ),
    "bhattacharyya": Term(
        mark("Bhattacharyya distance"),
        mark("How little two classes overlap, each seen as a normal distribution: 0 where they are the same."),
        "⅛ Δμᵀ Σ⁻¹ Δμ + ½ ln(|Σ| / √(|Σ₁|·|Σ₂|))",
        "Bhattacharyya 1943",
    ),
    "dimension": Term(
        mark("Intrinsic dimension"),
        mark("How many numbers are needed to describe the images near to each one, far fewer than they have pixels."),
        "",
        "Levina, Bickel 2004; MacKay, Ghahramani 2005",
    ),
    "threshold": Term(
        mark("Threshold"),
        mark("The value from which a check flags a sample. A flag is a reason to look, not a verdict."),
    ),
    "robust": Term(
        mark("Robust spread"),
        mark(
            "The distance from the median to the quantile that holds 84 % of the class: a standard deviation that "
            "odd samples do not move."
        ),
    ),
    "duplicate": Term(
        mark("Near duplicate"),
        mark("A sample whose ink is nearly all that of another one, shifted by a few pixels or scanned again."),
    ),
    "leak": Term(
        mark("Leak"),
        mark(
            "A sample of one split that is also in another: a test that has been seen in training shows memory, not "
            "skill."
        ),
    ),
    "label-error": Term(
        mark("Label error"),
        mark("A sample whose label models trained on the other samples contradict with confidence."),
        "",
        "Northcutt, Jiang, Chuang, JAIR 70 (2021)",
    ),
    "log-odds": Term(
        mark("Log odds"),
        mark("How much more probable one explanation is than the other: 0 even, 6.9 a thousand to one."),
        "ln(p / (1 − p))",
    ),
    "undecided": Term(
        mark("Undecided"),
        mark("The data at hand neither confirm nor refute it; what would decide it is said next to it."),
    ),
    "matching": Term(
        mark("Matching samples"),
        mark(
            "Two samples are the same if id and pixels are; else if the pixels are, wherever they lie; else if the "
            "id is."
        ),
    ),
    "wasserstein": Term(
        mark("Wasserstein distance"),
        mark(
            "How far the values of A must be moved, on average, to become those of B; here in pooled standard "
            "deviations."
        ),
        "∫ |F_A − F_B| dx / σ",
    ),
    "jensen-shannon": Term(
        mark("Jensen-Shannon distance"),
        mark("The difference of two histograms: 0 where they are the same, 1 where they share no value."),
        "√(½ KL(A‖M) + ½ KL(B‖M)), M = ½(A + B)",
        "Endres, Schindelin 2003",
    ),
    "auc": Term(
        mark("AUC"),
        mark(
            "How often a classifier that is shown one sample of each side says which is which: 0.5 guessing, 1 always."
        ),
    ),
    "adjusted": Term(
        mark("Adjusted p"),
        mark(
            "The probability that chance alone gives such a difference somewhere among all rows; below 0.05 it is "
            "called significant."
        ),
    ),
    "reference": Term(
        mark("MNIST train to test"),
        mark(
            "The same distance between MNIST's own splits, which are by different writers: a yardstick for what is "
            "usual."
        ),
    ),
    "mnist-form": Term(
        mark("MNIST's form"),
        mark("White ink on black; the digit scaled into 20 × 20 pixels and placed in 28 × 28 by its centre of mass."),
        "",
        "LeCun, Bottou, Bengio, Haffner 1998",
    ),
    "quarantine": Term(
        mark("Quarantine"),
        mark(
            "A table of all samples that a rule removed, changed or flagged, with their pixels as they were, so that "
            "nothing is lost."
        ),
    ),
    "augmentation": Term(
        mark("Augmentation"),
        mark(
            "Copies of training samples that are rotated, shifted or deformed, so that a model learns what does not "
            "matter."
        ),
    ),
    "elastic": Term(
        mark("Elastic deformation"),
        mark("Each pixel is moved by a smooth random field; alpha is its strength, sigma its smoothness."),
        "",
        "Simard, Steinkraus, Platt 2003",
    ),
    "corruption": Term(
        mark("Corruption and severity"),
        mark("Fifteen ways to spoil an image, as by noise or fog, each at five strengths that become harder to read."),
        "",
        "Mu, Gilmer, MNIST-C, 2019",
    ),
    "confidence": Term(
        mark("Confidence"),
        mark("The probability that the model gives to the class that it predicts."),
        "max softmax(z)",
    ),
    "distribution": Term(
        mark("None of the classes"),
        mark("An image that is farther from the training data than nearly all validation samples are."),
        "",
        "Lee, Lee, Lee, Shin 2018",
    ),
    "mcnemar": Term(
        mark("McNemar's test"),
        mark("Whether A and B differ beyond chance, from the samples that only one of them predicts correctly."),
        "p = P(Bin(b + c, ½))",
        "McNemar 1947",
    ),
    "sweep": Term(
        mark("Sweep"),
        mark("Trainings with each combination of some settings, compared on the validation samples only."),
    ),
    "quantized": Term(
        mark("Quantized (int8)"),
        mark("Weights and values are stored as whole numbers of 8 bits: a quarter of the bytes of float32."),
    ),
    "pruned": Term(
        mark("Pruned"),
        mark(
            "The channels of a layer with the smallest weights are taken out, and the rest is trained on for a while."
        ),
    ),
    "accuracy": Term(
        mark("Accuracy"),
        mark("The fraction of samples that are classified correctly."),
    ),
    "interval": Term(
        mark("95 % interval"),
        mark("Where the accuracy on very many samples of this kind probably lies; the fewer samples, the wider."),
        "",
        "Wilson 1927",
    ),
    "seed": Term(
        mark("Seed and ensemble"),
        mark("A seed fixes all random choices of a training. An ensemble predicts by the mean of several trainings."),
    ),
    "parameters": Term(
        mark("Parameters and multiply-adds"),
        mark("How many numbers the network has learned, and how many multiplications it needs for one image."),
    ),
    "epoch": Term(
        mark("Epoch"),
        mark("One pass over all training samples."),
    ),
    "loss": Term(
        mark("Loss (cross-entropy)"),
        mark("What training makes small: the mean negative logarithm of the probability given to the true class."),
        "−ln p(y)",
    ),
    "overfitting": Term(
        mark("Overfitting"),
        mark(
            "The model learns its training samples by heart: their loss falls while that of the validation samples "
            "rises."
        ),
    ),
    "confusion": Term(
        mark("Confusion matrix"),
        mark("Counts of each true class by each predicted class; all that lies off the diagonal is an error."),
    ),
    "decile": Term(
        mark("Decile"),
        mark("A tenth of the samples in their order by a measure: the first decile has the thinnest strokes."),
    ),
    "ece": Term(
        mark("Expected calibration error (ECE)"),
        mark(
            "The mean gap between confidence and accuracy over bins of similar confidence; some of it arises by chance."
        ),
        "Σ nᵢ/n · |accᵢ − confᵢ|",
        "Guo, Pleiss, Sun, Weinberger, ICML 2017",
    ),
    "temperature": Term(
        mark("Temperature"),
        mark(
            "A number that all scores are divided by, fitted on the validation samples; above 1 the model was "
            "overconfident."
        ),
        "softmax(z / T)",
        "Guo, Pleiss, Sun, Weinberger, ICML 2017",
    ),
    "logit": Term(
        mark("Logit"),
        mark("The score of a class before the scores are turned into probabilities."),
    ),
    "attribution": Term(
        mark("Attribution map"),
        mark(
            "An image that says how much each pixel contributes to the score of a class; methods differ, and none "
            "proves a cause."
        ),
    ),
    "filter": Term(
        mark("Filter"),
        mark(
            "A small grid of weights that is moved over the image; its output is large where the image looks like it."
        ),
    ),
}
"""The terms by key."""

OF_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "overview": ("split", "std", "intensity", "imbalance"),
    "classes": ("split", "imbalance"),
    "averages": ("mean-image", "std"),
    "intensity": ("intensity", "logarithmic"),
    "ink": ("ink", "centre", "box", "percentile"),
    "shapes": ("skeleton", "thickness", "slant", "std"),
    "writers": ("series", "slant", "thickness"),
    "correlations": ("pearson", "clustering"),
    "components": ("components", "variance"),
    "separability": ("bhattacharyya", "dimension", "components"),
    "audit": ("threshold", "robust", "duplicate", "leak", "label-error", "log-odds", "imbalance"),
    "claims": ("undecided",),
    "versions": ("matching",),
    "drift": ("wasserstein", "jensen-shannon", "auc", "adjusted", "reference"),
    "prepared": ("mnist-form", "centre"),
    "cleaning": ("quarantine",),
    "quarantine": ("quarantine",),
    "augmentation": ("augmentation", "elastic"),
    "transforms": ("augmentation", "elastic"),
    "corruptions": ("corruption",),
    "predictions": ("confidence", "distribution"),
    "comparison": ("mcnemar", "interval", "seed"),
    "sweep": ("sweep", "loss", "interval"),
    "compression": ("quantized", "pruned", "accuracy", "interval"),
    "results": ("accuracy", "interval", "seed", "parameters"),
    "training": ("epoch", "loss", "overfitting"),
    "confusions": ("confusion",),
    "difficulty": ("accuracy", "interval", "thickness", "decile"),
    "slices": ("accuracy", "interval"),
    "mistakes": ("confidence",),
    "calibration": ("confidence", "ece", "temperature", "loss"),
    "groups": ("series", "interval"),
    "robustness": ("corruption", "accuracy"),
    "explained": ("attribution", "logit"),
    "filters": ("filter",),
}
"""The terms of each section, by its key; findings, samples and what was set aside have none that need words."""


def terms_of(section: str) -> list[Term]:
    """Give the terms of a section in the page's language; none for one without."""
    terms = [TERMS[key] for key in OF_SECTIONS.get(section, ())]
    return [Term(tr(term.name), tr(term.meaning), term.formula, term.source) for term in terms]
