"""Diagnosis: each fault is planted and recognised, and what trains well raises no alarm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import permutation_test

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("safetensors", reason="the extra `train` is not installed")

from mnist_data.batch import Images, Integers  # noqa: E402
from mnist_data.errors import CheckFailed  # noqa: E402
from mnist_data.parquet.dataset import Dataset  # noqa: E402
from mnist_data.parquet.tables import read_table  # noqa: E402
from pipelines.networks.data.loader import Augmentation, MemoryLoader  # noqa: E402
from pipelines.networks.data.samples import Samples, read_samples  # noqa: E402
from pipelines.networks.evaluation.diagnosis import diagnose, scores  # noqa: E402
from pipelines.networks.evaluation.findings import in_words  # noqa: E402
from pipelines.networks.evaluation.neighbours import neighbourhood  # noqa: E402
from pipelines.networks.evaluation.probe import probe_layers  # noqa: E402
from pipelines.networks.train import train  # noqa: E402
from pipelines.networks.training.fit import EpochRecord, fit, fresh  # noqa: E402
from pipelines.networks.training.models import build  # noqa: E402
from pipelines.settings.training import Train, train_settings  # noqa: E402
from pipelines.stages.validation import split_validation  # noqa: E402
from pipelines.statistics.findings import Finding  # noqa: E402

if TYPE_CHECKING:
    from torch import nn

QUICK = Train(model="mlp", epochs=1)


@pytest.fixture(scope="module")
def samples(digits: Dataset) -> Samples:
    """Give the embedded sample's training split."""
    return read_samples(digits, "train")


def findings(
    samples: Samples, params: Train, validation: Samples | None = None, start: nn.Module | None = None
) -> list[Finding]:
    """Train, on all but some of each class where no validation samples are given, and give the findings."""
    if validation is None:
        rows = split_validation(samples.ids, samples.labels, samples.ids, params)
        samples, validation = samples.take(rows[0]), samples.take(rows[1])
    classes = int(samples.labels.max()) + 1
    loader = MemoryLoader(samples.images, samples.labels, samples.ids, Augmentation(params.recipe))
    outcome = fit(loader, MemoryLoader(validation.images, validation.labels), classes, params, start=start)
    begun = start or fresh(samples.images.shape[1:], classes, params)
    return diagnose(outcome, samples, validation.labels, classes, params, begun)


def first(samples: Samples, count: int) -> Samples:
    return samples.take(np.arange(len(samples.ids)) < count)


def permuted(samples: Samples) -> Samples:
    return replace(samples, labels=np.random.default_rng(0).permutation(samples.labels))


def names(several: list[Finding]) -> list[str]:
    return [finding.finding for finding in several]


# No false alarms


@pytest.mark.parametrize(("model", "epochs"), [("mlp", 5), ("lenet5", 5), ("tiny", 3), ("small", 2)])
def test_what_trains_well_raises_no_alarm(samples: Samples, model: str, epochs: int) -> None:
    """Each of the networks, after a few epochs on half of the embedded sample."""
    assert findings(first(samples, 700), train_settings({"model": model, "epochs": epochs})) == []


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp", "lenet5", "tiny", "small"])
@pytest.mark.parametrize("dataset", ["digits", "mnist"])
def test_the_standard_preset_raises_no_alarm(
    dataset: str, model: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """On MNIST, and on the embedded sample with its 75 epochs."""
    tables = train(request.getfixturevalue(dataset), tmp_path, train_settings({"model": model}))

    assert tables["diagnosis"].empty


@pytest.mark.parametrize(
    "settings",
    [{"recipe": "heavy", "epochs": 4}, {"label_smoothing": 0.9, "epochs": 5}, {"dropout": 0.8, "epochs": 5}],
    ids=str,
)
def test_a_training_made_hard_raises_no_alarm(samples: Samples, settings: dict[str, object]) -> None:
    """Its training accuracy or its loss is bad, and says nothing bad about the network."""
    assert findings(samples, train_settings({"model": "mlp", **settings})) == []


def test_two_classes_raise_no_alarm(samples: Samples) -> None:
    """Chance is a half there."""
    assert findings(samples.take(samples.labels < 2), Train(model="mlp", epochs=5)) == []


def test_a_rare_class_that_is_learnt_raises_no_alarm(samples: Samples) -> None:
    """Of 95 to 5, 95 % is chance, and what is right beyond that is too little for an interval to tell."""
    rows = np.concatenate([np.flatnonzero(samples.labels == 0), np.flatnonzero(samples.labels == 1)[:8]])

    assert findings(samples.take(rows), Train(model="mlp", epochs=10)) == []


def test_a_handful_without_validation_raises_no_alarm(samples: Samples) -> None:
    """Two samples a class say little, and there are no validation samples."""
    assert findings(first(samples, 20), Train(model="mlp", epochs=60)) == []


# Planted faults


@pytest.mark.parametrize("settings", [{"learning_rate": 10.0}, {"learning_rate": 10.0, "optimizer": "sgd"}], ids=str)
@pytest.mark.parametrize("model", ["mlp", "tiny"])
def test_a_rate_far_too_high_is_reported(samples: Samples, settings: dict[str, object], model: str) -> None:
    """The highest there is ends in chance or in a loss that is no number; either way a lower one is advised."""
    try:
        finding = findings(first(samples, 400), train_settings({"model": model, "epochs": 1, **settings}))[0]
        text = f"{finding.finding}: {finding.advice}"
    except CheckFailed as failure:
        text = str(failure)

    assert "accuracy at chance" in text or "Training diverged in epoch 1, step" in text
    assert "learning_rate 1, a tenth of 10" in text


def test_a_loss_that_leaves_the_numbers_says_when_it_rose(samples: Samples) -> None:
    """No setting goes as high as 1000, so the pixels do: sgd's steps are as large as they are."""
    few = first(samples, 400)
    huge = replace(few, images=few.images.astype(np.float32) * 1e6)

    with pytest.raises(CheckFailed, match=r"step [2-9]: the loss is (nan|inf), after \d.*All pixels"):
        findings(huge, Train(model="mlp", epochs=1, optimizer="sgd", learning_rate=10))


@pytest.mark.parametrize("model", ["mlp", "small"])
def test_a_rate_far_too_low_is_reported(samples: Samples, model: str) -> None:
    """The weights are where they were drawn, and so is the accuracy; a higher rate is advised."""
    settings = train_settings({"model": model, "epochs": 1, "learning_rate": 1e-9})
    (finding,) = findings(first(samples, 700), settings)

    assert finding.finding == "accuracy at chance"
    assert "above 1e-09" in finding.advice
    assert "of their size" in finding.evidence


def test_permuted_labels_are_distinguished_from_a_bad_rate(samples: Samples) -> None:
    """In training and validation at once, or in training alone."""
    params = Train(model="mlp", epochs=5)
    rows = split_validation(samples.ids, samples.labels, samples.ids, params)
    learn, hold = permuted(samples.take(rows[0])), samples.take(rows[1])

    assert names(findings(permuted(samples), params)) == ["labels do not fit the images"]
    assert names(findings(learn, params, hold)) == ["labels do not fit the images"]


@pytest.mark.slow
def test_permuted_labels_memorized_are_reported_without_validation(samples: Samples) -> None:
    """The history of such a training looks well."""
    (finding,) = findings(permuted(first(samples, 300)), Train(model="mlp", epochs=80), first(samples, 0))

    assert finding.finding == "labels do not fit the images"
    assert "memorized" in finding.evidence


def test_validation_labels_permuted_alone_are_distinguished_from_that(samples: Samples) -> None:
    """The training samples are as they should be."""
    learn, hold = first(samples, 700), samples.take(np.arange(len(samples.ids)) >= 700)
    (finding,) = findings(learn, Train(model="mlp", epochs=5), permuted(hold))

    assert finding.finding == "accuracy at chance"
    assert "does not generalize to the validation samples" in finding.advice


@pytest.mark.slow
def test_samples_memorized_are_reported(samples: Samples) -> None:
    """Fifty digits, five of a kind, many epochs."""
    (finding,) = findings(first(samples, 50), Train(model="mlp", epochs=100), samples.take(samples.ids % 2 == 1))

    assert finding.finding == "training far above validation"
    assert "Accuracy is 100.0% on 50 training samples" in finding.evidence
    assert "--recipe" in finding.advice


def test_norms_that_have_not_settled_are_not_taken_for_learning_by_heart(samples: Samples) -> None:
    """After a few steps the network knows its own training samples no better than others."""
    several = findings(first(samples, 700), Train(epochs=1))

    assert set(names(several)) <= {"accuracy at chance"}
    assert all("more epochs" in finding.advice for finding in several)


def test_killed_units_are_reported(samples: Samples) -> None:
    """A bias of −100 in one batch norm: whatever the image, that layer is silent, and so is what follows."""
    network = build("tiny", (28, 28), 10)
    network[4].bias.data.fill_(-100)  # type: ignore[union-attr, operator]
    several = findings(first(samples, 400), Train(model="tiny", epochs=1), start=network)

    assert names(several) == ["accuracy at chance", "dead units"]
    assert "8 of 8 in '5'" in several[1].evidence


def test_dead_units_are_counted_by_layer(samples: Samples) -> None:
    """Three filters of the first layer are killed; of the second a unit is dead that sees nothing positive."""
    network = build("lenet5", (28, 28), 10)
    with torch.no_grad():
        network[0].bias[:3] = -100  # type: ignore[index]
        network[3].bias.fill_(100)  # type: ignore[union-attr, operator]

    layers = probe_layers(network, samples.images[:50])
    assert [(layer.name, layer.units, layer.dead) for layer in layers[:2]] == [("1", 6, 3), ("4", 16, 0)]
    assert [layer.units for layer in layers] == [6, 16, 120, 84]


@pytest.mark.parametrize("role", ["training", "validation"])
def test_pixels_that_are_no_numbers_are_not_blamed_on_the_rate(samples: Samples, role: str) -> None:
    """Before the first epoch, with the image's place."""
    whole = first(samples, 100)
    broken = replace(whole, images=whole.images / np.float32(255))
    broken.images[7, 3, 4] = np.nan
    broken.images[9] = np.inf
    parts = (broken, whole) if role == "training" else (whole, broken)

    with pytest.raises(CheckFailed, match=f"2 of 100 {role} images have pixels .* is image 7, .*clean") as failure:
        findings(parts[0], QUICK, parts[1])
    assert "rate" not in str(failure.value)


def test_a_stream_with_broken_pixels_is_not_blamed_on_the_rate(samples: Samples) -> None:
    """Of what is not in memory they are met on the way."""

    @dataclass(frozen=True)
    class Stream:
        labels: Integers
        images: Images

        def shuffled(self, *_: int) -> Iterator[tuple[Images, Integers]]:
            yield np.full((2, 28, 28), np.nan, np.float32), self.labels

        def in_order(self, _: int) -> Iterator[tuple[Images, Integers]]:
            yield self.images, self.labels

    nothing = np.empty((0, 28, 28), np.float32)
    with pytest.raises(CheckFailed, match="2 of 2 batch images have pixels"):
        fit(Stream(np.arange(2), nothing), MemoryLoader(nothing, np.arange(0)), 2, QUICK)


# The parts


def test_a_network_without_eyes_explains_nothing() -> None:
    """Its loss is the entropy of the (smoothed) labels; certainty explains all, as scipy's entropies have it."""
    from scipy.stats import entropy

    labels = np.repeat([0, 1, 2], [5000, 3000, 2000])
    target, fractions = np.array([0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3]), np.array([0.5, 0.3, 0.2])
    blind = EpochRecord(1, 1, entropy(0.9 * fractions + 0.1 / 3), 0.5, entropy(fractions), 0.5, 0.1, 1.0)
    seeing = replace(blind, train_loss=entropy(target), validation_loss=0.0)

    for done, expected in ((blind, 0.0), (seeing, 1.0)):
        found = scores(done, labels, labels, 3, smoothing=0.1)
        assert [score.explained for score in found if score] == pytest.approx([expected] * 2, abs=0.01)
        assert [score.chance for score in found if score] == [0.5, 0.5]


def test_chance_among_neighbours_is_that_of_dealt_labels(samples: Samples) -> None:
    """Dealing the labels anew many times gives the same figure, also where classes are of unequal size."""
    some = first(samples, 300)
    labels = np.minimum(some.labels, 3)
    dealt = permutation_test(
        (labels,),
        lambda shuffled: neighbourhood(some.images, shuffled).alike / 300,
        permutation_type="pairings",
        n_resamples=60,
        random_state=0,  # `rng` came with SciPy 1.15
    )
    found = neighbourhood(some.images, labels)

    assert dealt.null_distribution.mean() == pytest.approx(found.chance, abs=0.015)
    assert found.alike / 300 > 0.9
    assert not found.at_chance


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_few_samples_do_not_say_that_labels_are_wrong(samples: Samples, count: int) -> None:
    """Of a handful even dealt labels may be anything."""
    some = permuted(first(samples, count))

    assert not neighbourhood(some.images, some.labels).at_chance


# The stage


@pytest.mark.slow
def test_the_stage_keeps_what_it_found(digits: Dataset, tmp_path: Path) -> None:
    """A row a finding and seed; none where all is well; the same from networks that were there already."""
    lost = Train(model="mlp", epochs=1, learning_rate=1e-9, seeds=2)
    table = train(digits, tmp_path / "lost", lost)["diagnosis"]
    well = train(digits, tmp_path / "well", Train(model="mlp", epochs=5))["diagnosis"]
    again = train(digits, tmp_path / "lost", lost, resume=True)["diagnosis"]

    assert table[["seed", "finding"]].to_numpy().tolist() == [[0, "accuracy at chance"], [1, "accuracy at chance"]]
    assert table.equals(read_table(f"{tmp_path}/lost/diagnosis.parquet"))
    assert table.equals(again)
    assert well.empty
    assert list(read_table(f"{tmp_path}/well/diagnosis.parquet")) == ["seed", "finding", "evidence", "advice"]
    assert [text.partition(".")[0] for text in in_words("mlp", table)] == [
        "mlp, seed 0: accuracy at chance",
        "mlp, seed 1: accuracy at chance",
    ]


def test_copies_do_not_hide_that_labels_are_wrong(digits: Dataset, tmp_path: Path) -> None:
    """A copy has the label of its original, right or wrong, and is the image most like it."""
    from pipelines.stages.augment import augment

    copied = read_samples(augment(digits, tmp_path / "copied"), "train")
    originals = np.unique(copied.ids)
    dealt = dict(zip(originals.tolist(), np.random.default_rng(0).integers(0, 10, len(originals)), strict=True))
    wrong = replace(copied, labels=np.array([dealt[name] for name in copied.ids.tolist()]))

    assert names(findings(wrong, QUICK, first(permuted(copied), 400))) == ["labels do not fit the images"]
