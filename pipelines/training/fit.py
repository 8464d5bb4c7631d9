"""Training as such: arrays in, a network out, and predictions of it. The test split is not among the arguments.

PyTorch is the optional extra `train`, so it is imported where it is used; this module loads without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Images, Integers
from mnist_data.errors import CheckFailed, MissingExtra, WrongUse
from pipelines.engine import cores
from pipelines.hashing import hashes
from pipelines.parameters import Train

if TYPE_CHECKING:
    import torch
    from torch import nn

Mask = npt.NDArray[np.bool_]
"""(n,) bool."""
Probabilities = npt.NDArray[np.float32]
"""(n, classes) float32, each row adds up to 1."""

ENOUGH_STEPS = 1_500
"""A small set is passed through until this many steps are made, MNIST three times (2,529 steps)."""


WARM_UP = 0.2
"""The share of the steps in which the learning rate rises; it falls in the rest."""


@dataclass(frozen=True)
class EpochDone:
    """One pass over the training samples is done.

    epoch: from 1 to `epochs`. train_loss, train_accuracy: averaged while learning, the loss with smoothing.
    validation_loss, validation_accuracy: at its end, without smoothing; NaN where nothing is held out.
    learning_rate: at the epoch's last step. seconds: of this epoch, validation included.
    """

    epoch: int
    epochs: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


EpochReport = Callable[[EpochDone], None]


@dataclass(frozen=True)
class Fit:
    """The outcome of a training: the network of its best epoch, ready for predictions.

    best_epoch: the one of best validation accuracy, the last of equals, counted from 1.
    parameters: how many numbers were learnt.
    """

    model: nn.Module
    history: tuple[EpochDone, ...]
    best_epoch: int
    parameters: int


def silent(_: EpochDone) -> None:
    """Report nothing."""


def require_torch() -> None:
    """Raise MissingExtra where PyTorch or safetensors is not installed."""
    try:
        import safetensors  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtra((error.name or "torch").partition(".")[0], "train", "Training") from None


def split_validation(
    ids: Integers, labels: Integers, source_ids: Integers, params: Train, copies: Integers | None = None
) -> tuple[Mask, Mask]:
    """Choose the samples to train with and those to validate with, (n,) bool each.

    Of each label the share `params.validation_share` of the originals is held out, those whose source id has
    the lowest hash, so neither order nor partitioning matters. Copies of a held-out sample are on neither
    side. A label keeps at least one original in training.
    copies: (n,) each sample's number of copy, 0 for an original; None: an original's id is its source id.
    """
    original = ids == source_ids if copies is None else copies == 0
    ranks = hashes(source_ids, params.seed)
    validation = np.zeros(len(ids), np.bool_)
    for label in np.unique(labels):
        rows = np.flatnonzero(original & (labels == label))
        wanted = int(params.validation_share * len(rows) + 0.5)
        held_out = max(0, min(wanted, len(rows) - 1))
        validation[rows[np.argsort(ranks[rows])[:held_out]]] = True
    return ~np.isin(source_ids, source_ids[validation]), validation


def epochs_for(samples: int, params: Train) -> int:
    """Give the number of epochs: the one asked for, or at least 3 and enough for about 1,500 steps.

    >>> epochs_for(54_000, Train()), epochs_for(1_300, Train())
    (3, 75)
    """
    return params.epochs or max(3, math.ceil(ENOUGH_STEPS / _steps(samples, params.batch_size)))


def fit(
    train_images: Images,
    train_labels: Integers,
    validation_images: Images,
    validation_labels: Integers,
    classes: int,
    params: Train,
    report: EpochReport = silent,
) -> Fit:
    """Train a network, and keep the epoch of best validation accuracy, or the last where nothing is held out.

    Images: (n, h, w) or (n, h, w, c), uint8 (trained on as x / 255) or floats (taken as they are); they are
    read a batch at a time, so a memory-mapped array will do. Labels: (n,) from 0 to classes - 1.
    The same seed on the same machine gives the same weights to the last bit.
    Raises CheckFailed where the loss is not finite any more.
    """
    require_torch()
    import torch
    from torch.nn import functional

    _check_samples("training", train_images, train_labels, classes, at_least=2)  # batch norm needs a spread
    _check_samples("validation", validation_images, validation_labels, classes, at_least=0)
    epochs = epochs_for(len(train_images), params)
    steps = epochs * _steps(len(train_images), params.batch_size)
    history: list[EpochDone] = []
    best = _Best()
    # float32 throughout: bfloat16 gained a quarter at best where the processor has it, and lost a multiple
    # where it has not; and float32 weights can be compared between machines.
    with _every_core():
        network = _initialised(params, train_images.shape[1:], classes)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=params.weight_decay, fused=True)
        step = 0
        for epoch in range(1, epochs + 1):
            started, losses, hits = perf_counter(), 0.0, 0
            network.train()
            for rows in _shuffled_batches(len(train_images), params.batch_size, params.seed, epoch):
                step += 1
                rate = params.learning_rate * _ramp(step / (steps + 1))
                optimizer.param_groups[0]["lr"] = rate
                labels = _targets(train_labels[rows])
                logits = network(inputs(train_images[rows]))
                loss = functional.cross_entropy(logits, labels, label_smoothing=params.label_smoothing)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                losses += _finite(loss.item(), epoch, params) * len(rows)
                hits += int((logits.argmax(1) == labels).sum())
            validation = _score(network, validation_images, validation_labels)
            train = losses / len(train_images), hits / len(train_images)
            history.append(EpochDone(epoch, epochs, *train, *validation, rate, perf_counter() - started))
            best.consider(epoch, validation[1], network)
            report(history[-1])
    network.load_state_dict(best.weights)
    return Fit(network.eval(), tuple(history), best.epoch, sum(p.numel() for p in network.parameters()))


def history_table(history: Sequence[EpochDone]) -> pd.DataFrame:
    """Tabulate the epochs, a row each; columns as EpochDone names them, without `epochs`."""
    columns = [name for name in EpochDone.__dataclass_fields__ if name != "epochs"]
    return pd.DataFrame([asdict(done) for done in history], columns=columns)


def predict(model: nn.Module, images: Images, batch_size: int = 512) -> Probabilities:
    """Give the probability of each class for each image, in the order of the images.

    images: as `fit` takes them, scaled as those it was trained with.
    """
    require_torch()
    with _every_core():
        probabilities: Probabilities = _logits(model, images, batch_size).softmax(1).numpy()
    return probabilities


class _Best:
    """The weights of the epoch of best validation accuracy so far."""

    def __init__(self) -> None:
        self.epoch, self.accuracy = 0, 0.0
        self.weights: dict[str, torch.Tensor] = {}

    def consider(self, epoch: int, accuracy: float, network: nn.Module) -> None:
        """Take this epoch's weights unless it was less accurate; NaN, without validation, is never less.

        Of equals the last: its learning rate was lowest. The loss would prefer an early epoch, for smoothing
        raises it while the accuracy still gains.
        """
        if not accuracy < self.accuracy:
            self.epoch, self.accuracy = epoch, accuracy
            self.weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}


def _steps(samples: int, batch_size: int) -> int:
    return max(1, samples // batch_size)


def _shuffled_batches(samples: int, batch_size: int, seed: int, epoch: int) -> list[npt.NDArray[np.intp]]:
    """Deal all rows into batches of nearly equal size: a short last one would unsettle the batch norm."""
    rows = np.random.default_rng([seed, epoch]).permutation(samples)
    return np.array_split(rows, _steps(samples, batch_size))


def _ramp(progress: float) -> float:
    """Rise from 0 to 1 in the warm-up, then fall to 0; progress: from 0 to 1."""
    return min(progress / WARM_UP, (1 - progress) / (1 - WARM_UP))


def _initialised(params: Train, shape: Sequence[int], classes: int) -> nn.Module:
    """Build the network with weights drawn from the seed, and leave PyTorch's global generator as it was."""
    import torch

    from pipelines.training.models import build

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(params.seed)
        return build(params.model, shape, classes)


@contextmanager
def _every_core() -> Iterator[None]:
    """Let PyTorch compute on every core that this process may use, and then on as many as before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(cores())
    try:
        yield
    finally:
        torch.set_num_threads(before)


def inputs(images: Images) -> torch.Tensor:
    """Bring a batch of images to (n, c, h, w) float32, channels-last in memory as IDX has them."""
    import torch

    # A copy where it is needed only: PyTorch takes no array that is read-only or not in native byte order.
    pixels = torch.from_numpy(np.require(images, images.dtype.newbyteorder("="), ["C", "W"])).float()
    if images.dtype == np.uint8:
        pixels = pixels.div_(255)
    return pixels.unsqueeze(1) if images.ndim == 3 else pixels.permute(0, 3, 1, 2)


def _targets(labels: Integers) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.array(labels, np.int64))


def _logits(network: nn.Module, images: Images, batch_size: int) -> torch.Tensor:
    """Give (n, classes) float32, in the order of the images; the network is in eval mode afterwards."""
    import torch

    network.eval()
    with torch.inference_mode():
        starts = range(0, max(len(images), 1), batch_size)  # one empty batch gives an empty table its columns
        return torch.cat([network(inputs(images[start : start + batch_size])) for start in starts])


def _score(network: nn.Module, images: Images, labels: Integers) -> tuple[float, float]:
    """Give loss and accuracy, NaN both where there are no samples."""
    from torch.nn import functional

    if not len(images):
        return math.nan, math.nan
    logits, targets = _logits(network, images, batch_size=512), _targets(labels)
    hits = int((logits.argmax(1) == targets).sum())
    return functional.cross_entropy(logits, targets).item(), hits / len(images)


def _finite(loss: float, epoch: int, params: Train) -> float:
    if not math.isfinite(loss):
        raise CheckFailed(
            f"Training broke down in epoch {epoch}: the loss is {loss}, expected a finite number. Try a "
            f"lower learning_rate than {params.learning_rate:g}, and see that no pixel is NaN or infinite."
        )
    return loss


def _check_samples(role: str, images: Images, labels: Integers, classes: int, at_least: int) -> None:
    if len(images) != len(labels) or len(images) < at_least:
        raise WrongUse(
            f"The {role} part has {len(images):,} images and {len(labels):,} labels; it must have as many of "
            f"both, at least {at_least}."
        )
    if images.ndim not in (3, 4) or not (images.dtype == np.uint8 or images.dtype.kind == "f"):
        raise WrongUse(
            f"The {role} images are {images.dtype} of shape {images.shape}; they must be uint8 or floats, "
            "(n, height, width) or (n, height, width, channels). Normalize them first."
        )
    check_labels(role, labels, classes)


def check_labels(role: str, labels: Integers, classes: int) -> None:
    """Raise WrongUse for a label that is not from 0 to classes - 1; role: of the samples, for the message."""
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise WrongUse(
            f"The {role} labels go from {labels.min()} to {labels.max()}; with {classes} classes they must "
            f"go from 0 to {classes - 1}."
        )
