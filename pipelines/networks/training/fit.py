"""The training loop: samples in, a network out. The test split is not among the arguments.

PyTorch is the optional extra `train`, so it is imported where it is used; this module loads without it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mnist_data.batch import Images, Integers
from mnist_data.errors import WrongUse
from pipelines.engine.id_hash import hashes
from pipelines.networks.data.loader import Loader, Samples, steps
from pipelines.networks.evaluation.predictions import inputs, logits, rows_at_once
from pipelines.networks.training.device import computing_in, device, every_core, require_torch, resolved, seeded
from pipelines.networks.training.ema import WeightAverage
from pipelines.networks.training.finite import require_finite_loss, require_finite_pixels
from pipelines.networks.training.schedule import fraction_of_peak
from pipelines.settings.training import Train

if TYPE_CHECKING:
    import torch
    from torch import nn

ENOUGH_STEPS = 600
"""A small set gets as many epochs as give this many steps; MNIST gets three epochs (2,529 steps)."""

MOMENTUM = 0.9
"""Nesterov momentum of sgd."""


@dataclass(frozen=True)
class EpochRecord:
    """The results of one pass over the training samples.

    epoch: from 1 to `epochs`. train_loss, train_accuracy: averaged over the steps, the loss with smoothing, both of
    augmented samples where there is a recipe. validation_loss, validation_accuracy: at its end, without smoothing; NaN
    without validation samples. learning_rate: at the epoch's last step. seconds: of this epoch, validation included.
    """

    epoch: int
    epochs: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


@dataclass
class State:
    """A training between two epochs: all that the next one needs.

    best: the weights of the epoch of best validation accuracy so far, `best_epoch`, counted from 1.
    """

    network: nn.Module
    average: WeightAverage
    optimizer: torch.optim.Optimizer
    history: list[EpochRecord] = field(default_factory=list)
    best: Mapping[str, torch.Tensor] = field(default_factory=dict)
    best_epoch: int = 0

    def consider(self) -> None:
        """Keep the last epoch's weights as the best unless it was less accurate; without validation, always.

        Of equally accurate epochs the last: its learning rate was lowest. The loss would prefer an early epoch, for
        smoothing raises it while the accuracy still improves.
        """
        best = self.history[self.best_epoch - 1].validation_accuracy if self.best_epoch else 0.0
        if not self.history[-1].validation_accuracy < best:
            self.best_epoch = len(self.history)
            self.best = {name: tensor.clone() for name, tensor in self.average.network.state_dict().items()}


AfterEpoch = Callable[[State], None]
"""Called with the state after each epoch."""


@dataclass(frozen=True)
class Fit:
    """The result of a training: the network of its best epoch, in eval mode.

    best_epoch: the one of best validation accuracy, the last of equals, counted from 1.
    parameters: the number of the network's parameters.
    """

    model: nn.Module
    history: tuple[EpochRecord, ...]
    best_epoch: int
    parameters: int


def silent(_: State) -> None:
    """Report nothing."""


def epochs_for(samples: int, params: Train) -> int:
    """Give the number of epochs: `params.epochs`, or at least 3 and enough for about 600 steps.

    >>> epochs_for(54_000, Train()), epochs_for(1_300, Train())
    (3, 30)
    """
    return params.epochs or max(3, math.ceil(ENOUGH_STEPS / steps(samples, params.batch_size)))


def fit(
    training: Loader,
    validation: Loader,
    classes: int,
    params: Train,
    after_epoch: AfterEpoch = silent,
    *,
    start: nn.Module | None = None,
    resumed: Callable[[State], State] = lambda state: state,
) -> Fit:
    """Train a network, and keep the epoch of best validation accuracy, or the last without validation samples.

    training: images uint8 (trained on as x / 255) or floats (taken as they are), labels from 0 to classes - 1.
    validation: of the same kind; may be empty. start: a network to begin from, whose weights with requires_grad False
    stay as they are; None initializes one from the seed. resumed: restores the state of an interrupted training of the
    same settings. The same seed on the same machine gives the same weights to the last bit.
    Raises CheckFailed where a pixel or, later, the loss is not finite.
    """
    require_torch()
    _check_samples("training", training, classes, at_least=2)  # batch norm needs a variance
    _check_samples("validation", validation, classes, at_least=0)
    epochs = epochs_for(len(training.labels), params)
    with every_core(), seeded(params.seed):
        state = resumed(_initial_state(training.images.shape[1:], classes, params, start))
        while len(state.history) < epochs and not _stops_early(state, params):
            _epoch(state, training, validation, epochs, params)
            state.consider()
            after_epoch(state)
    state.network.load_state_dict(state.best)
    parameters = sum(tensor.numel() for tensor in state.network.parameters())
    return Fit(state.network.cpu().eval(), tuple(state.history), state.best_epoch, parameters)


def fresh(shape: Sequence[int], classes: int, params: Train, widths: Sequence[int] | None = None) -> nn.Module:
    """Give the network that `fit` begins with by default; shape: of an image, widths: as for `build`."""
    from pipelines.networks.training.models import build

    with seeded(params.seed):
        return build(params.model, shape, classes, params.dropout, widths)


def _initial_state(shape: Sequence[int], classes: int, params: Train, start: nn.Module | None) -> State:
    """Give the state of a training before its first epoch."""
    import torch

    network = fresh(shape, classes, params) if start is None else copy.deepcopy(start)
    network = network.to(device())
    trained = [tensor for tensor in network.parameters() if tensor.requires_grad]
    optimizer: torch.optim.Optimizer
    if params.optimizer == "adamw":
        optimizer = torch.optim.AdamW(trained, params.learning_rate, weight_decay=params.weight_decay, fused=True)
    else:
        optimizer = torch.optim.SGD(
            trained, params.learning_rate, MOMENTUM, weight_decay=params.weight_decay, nesterov=True, fused=True
        )
    return State(network, WeightAverage(network, params.ema_decay), optimizer)


def _stops_early(state: State, params: Train) -> bool:
    return params.patience is not None and len(state.history) - state.best_epoch >= params.patience


def _epoch(state: State, training: Loader, validation: Loader, epochs: int, params: Train) -> None:
    """Pass once over the training samples, validate, and add to the history."""
    import torch

    started, epoch = perf_counter(), len(state.history) + 1
    torch.manual_seed(_seed_of(params.seed, epoch))  # of dropout: the same after a resumption
    state.network.train()
    total = epochs * steps(len(training.labels), params.batch_size)
    done = (epoch - 1) * steps(len(training.labels), params.batch_size)
    losses: list[float] = []
    loss, hits, seen, rate = 0.0, 0, 0, 0.0
    for step, batch in enumerate(training.shuffled(params.batch_size, params.seed, epoch), done + 1):
        rate = params.learning_rate * fraction_of_peak(params.schedule, step / (total + 1))
        step_loss, step_hits = _step(state, batch, rate, params)
        losses.append(require_finite_loss(step_loss, epoch, losses, batch[0], params))
        loss += losses[-1] * len(batch[1])
        hits, seen = hits + step_hits, seen + len(batch[1])
    scores = _score(state.average.network, validation)
    record = EpochRecord(epoch, epochs, loss / seen, hits / seen, *scores, rate, perf_counter() - started)
    state.history.append(record)


def _seed_of(seed: int, epoch: int) -> int:
    return int(hashes(np.array([epoch]), seed)[0] >> np.uint64(1))


def _step(state: State, batch: Samples, rate: float, params: Train) -> tuple[float, int]:
    """Train on one batch; give its loss and the number of correct predictions."""
    from torch.nn import functional

    images, labels = inputs(batch[0]), _targets(batch[1])
    with computing_in(resolved(params.precision)):
        outputs = state.network(images)
    loss = functional.cross_entropy(outputs.float(), labels, label_smoothing=params.label_smoothing)
    state.optimizer.param_groups[0]["lr"] = rate
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimizer.step()
    state.average.update()
    return loss.item(), int((outputs.argmax(1) == labels).sum())


def history_table(history: Sequence[EpochRecord]) -> pd.DataFrame:
    """Tabulate the epochs, a row each; columns as EpochRecord names them, without `epochs`."""
    columns = [name for name in EpochRecord.__dataclass_fields__ if name != "epochs"]
    return pd.DataFrame([asdict(done) for done in history], columns=columns)


def _targets(labels: Integers) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.array(labels, np.int64)).to(device())


def _score(network: nn.Module, samples: Loader) -> tuple[float, float]:
    """Give loss and accuracy, both NaN where there are no samples."""
    from torch.nn import functional

    count = len(samples.labels)
    if not count:
        return math.nan, math.nan
    loss, hits = 0.0, 0
    for images, labels in samples.in_order(rows_at_once(samples.images.shape[1:])):
        outputs, targets = logits(network, images), _targets(labels)
        loss += functional.cross_entropy(outputs, targets, reduction="sum").item()
        hits += int((outputs.argmax(1) == targets).sum())
    return loss / count, hits / count


def _check_samples(role: str, samples: Loader, classes: int, at_least: int) -> None:
    if len(samples.labels) < at_least:
        raise WrongUse(f"The {role} part has {len(samples.labels):,} samples; it must have at least {at_least}.")
    images: Images = samples.images
    if images.ndim not in (3, 4) or not (images.dtype == np.uint8 or images.dtype.kind == "f"):
        raise WrongUse(
            f"The {role} images are {images.dtype} of shape {images.shape}; they must be uint8 or floats, "
            "(n, height, width) or (n, height, width, channels). Normalize them first."
        )
    check_labels(role, samples.labels, classes)
    require_finite_pixels(role, images)


def check_labels(role: str, labels: Integers, classes: int) -> None:
    """Raise WrongUse for a label that is not from 0 to classes - 1; role: of the samples, for the message."""
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise WrongUse(
            f"The {role} labels go from {labels.min()} to {labels.max()}; with {classes} classes they must "
            f"go from 0 to {classes - 1}."
        )
