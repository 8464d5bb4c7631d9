"""How our morphometrics agree with the code of the paper that defines them, run today.

    python -m benchmarks.paper_morphometrics [--seed N] [--write]

1,000 of MNIST's training digits, and the 400 of the thinnest strokes among 12,000, are measured by both. It takes
Morpho-MNIST's code (Castro et al. 2019), which is in no package index: put its folder `morphomnist` on PYTHONPATH.
--write replaces the table in docs/morphometrics.md. Ends with 1 where a correlation is below 0.99, with 2 where the
code or MNIST is not at hand.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

import mnist_data
from benchmarks.measure import describe_machine, real_data
from pipelines.kernels.morphometry import measure_morphometrics

DOCUMENT = Path(__file__).parent.parent / "docs" / "morphometrics.md"
START, END = "<!-- the paper's code -->\n", "<!-- /the paper's code -->\n"
LIMIT = 0.99
MEASURES = ("area", "length", "thickness", "slant", "width", "height")

Pixels = npt.NDArray[np.uint8]


def agreement(images: Pixels) -> dict[str, tuple[float, float]]:
    """Give for each measure the correlation, and the median of the difference relative to the paper's code."""
    from morphomnist.measure import measure_image  # type: ignore[import-not-found,unused-ignore]

    theirs = np.array([measure_image(image, verbose=False) for image in images]).T
    ours = measure_morphometrics(images)
    return {
        name: (float(np.corrcoef(values, own)[0, 1]), float(np.median(np.abs(own - values) / np.abs(values))))
        for name, values in zip(MEASURES, theirs, strict=True)
        for own in [np.asarray(getattr(ours, name))]
    }


def chosen(seed: int) -> dict[str, Pixels]:
    """Give digits of MNIST by what they are: any, and thin ones."""
    folder = real_data("mnist")
    assert folder is not None
    with tempfile.TemporaryDirectory() as name:
        dataset = mnist_data.convert(folder, Path(name) / "dataset", progress=False)
        images, _ = mnist_data.to_numpy(dataset, "train", cache=False)
    order = np.random.default_rng(seed).permutation(len(images))
    pool = images[order[1_000:13_000]]
    thinnest = np.argsort(measure_morphometrics(pool).thickness, kind="stable")[:400]
    return {"1,000 at random": images[order[:1_000]], "the 400 thinnest of 12,000": pool[thinnest]}


def main() -> int:
    """Measure, print the table, and say whether all correlations reach the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if find_spec("morphomnist") is None or real_data("mnist") is None:
        print("needs the folder morphomnist of Morpho-MNIST on PYTHONPATH, and MNIST under MNIST_DATA_REAL")
        return 2
    results = {name: agreement(images) for name, images in chosen(options.seed).items()}
    lines = [
        f"| digits | {' | '.join(f'`{name}`' for name in MEASURES)} |",
        f"| --- |{' --- |' * len(MEASURES)}",
        *(
            f"| {digits} | {' | '.join(f'{r:.4f}, {apart:.1%}' for r, apart in of_digits.values())} |"
            for digits, of_digits in results.items()
        ),
        f"\nSeed {options.seed}; {describe_machine('numpy', 'scikit-image')}.",
    ]
    text = "\n".join(lines) + "\n"
    if options.write:
        before, _, rest = DOCUMENT.read_text("utf-8").partition(START)
        DOCUMENT.write_text(before + START + text + END + rest.partition(END)[2], "utf-8")
    print(text)
    return 0 if min(r for of_digits in results.values() for r, _ in of_digits.values()) >= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
