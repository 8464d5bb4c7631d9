"""Maps of which pixels a prediction depends on, compared with networks for which that is known."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from torch import nn  # noqa: E402

from pipelines.networks.evaluation.predictions import predict  # noqa: E402
from pipelines.networks.explaining.attribution import grad_cam, integrated_gradients, saliency  # noqa: E402
from pipelines.networks.explaining.explanation import OcclusionResult, explain_image  # noqa: E402
from pipelines.networks.explaining.filters import filter_table  # noqa: E402
from pipelines.networks.explaining.occlusion import occlude, patches, spread  # noqa: E402
from pipelines.networks.training.models import build  # noqa: E402
from pipelines.settings.model_header import Model  # noqa: E402

SIDE = 12
MARK = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.float32)
CORNERS = [(1, 1), (1, 8), (8, 1), (8, 8)]


def network_that_looks_for_a_mark():
    """Answer 1 where a cross of five pixels stands anywhere, else 0; lines and corners move nothing."""
    convolution = nn.Conv2d(1, 1, 3, padding=1)
    linear = nn.Linear(1, 2)
    with torch.no_grad():
        convolution.weight[:] = torch.from_numpy(2 * MARK - 1)
        convolution.bias[:] = -4
        linear.weight[:] = torch.tensor([[-5.0], [5.0]])
        linear.bias[:] = torch.tensor([2.0, -2.0])
    return nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), linear).eval()


def marked_image(corner):
    """Draw the cross in a corner, and a line along the middle that has nothing to do with the answer."""
    image = np.zeros((SIDE, SIDE), np.float32)
    image[5, :] = 1
    top, left = corner
    image[top : top + 3, left : left + 3] = MARK
    return image


def explained(network, image, target, background=0.0):
    boxes = patches(*image.shape[:2])
    covered = OcclusionResult(predict(network, image[None])[0], boxes, occlude(network, image, background, boxes))
    return explain_image(network, image, background, target, covered)


@pytest.mark.parametrize("corner", CORNERS, ids=str)
@pytest.mark.parametrize("target", [0, 1])
def test_every_map_points_at_the_mark_that_the_network_looks_for(corner, target):
    """In whichever corner it is planted, and not at the ink next to it; for the class it counts for, and against."""
    maps = explained(network_that_looks_for_a_mark(), marked_image(corner), target).maps
    around = np.zeros((SIDE, SIDE), bool)
    around[corner[0] - 1 : corner[0] + 4, corner[1] - 1 : corner[1] + 4] = True
    sign = 1 if target else -1

    assert set(maps) == {"saliency", "integrated_gradients", "grad_cam", "occlusion"}
    for name in ("saliency", "integrated_gradients", "occlusion"):
        assert np.abs(maps[name]).max() > 0.01
        assert np.abs(maps[name][~around]).max() < 1e-6
    assert (sign * maps["integrated_gradients"] >= 0).all()
    assert (sign * maps["occlusion"] >= -1e-6).all()
    if target:
        assert np.unravel_index(maps["grad_cam"].argmax(), around.shape) == (corner[0] + 1, corner[1] + 1)
        assert not maps["grad_cam"][~around].any()
    else:
        assert not maps["grad_cam"].any()


@pytest.mark.parametrize("name", get_args(Model))
@pytest.mark.parametrize("shape", [(14, 14), (12, 17, 3)], ids=str)
def test_integrated_gradients_add_up_to_the_difference_of_the_logits(name, shape):
    """Completeness: nothing of the score is left over, whatever the network, the channels and the background."""
    torch.manual_seed(3)
    network, (height, width, channels) = build(name, shape, 5).eval(), (*shape, 1)[:3]
    image, background = torch.rand(channels, height, width), torch.full((channels, height, width), -0.4)
    with torch.no_grad():
        logits = network(torch.stack([image, background]))[:, 2]
    found = integrated_gradients(network, image, background, 2)

    assert found.shape == (height, width)
    assert abs(found.sum() - (logits[0] - logits[1]).item()) < 0.01 * np.abs(found).sum()


def test_of_a_linear_network_the_maps_are_its_weights():
    """Each pixel is credited its weight times what it differs from the background by; its slope is its weight."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(2 * 3 * 4, 3)).eval()
    image, background = torch.rand(2, 3, 4), torch.rand(2, 3, 4)
    weights = network[1].weight[1].detach().reshape(2, 3, 4)

    np.testing.assert_allclose(
        integrated_gradients(network, image, background, 1),
        (weights * (image - background)).sum(0),
        rtol=1e-4,
        atol=1e-6,
    )
    np.testing.assert_allclose(saliency(network, image, 1), weights.abs().amax(0))
    assert grad_cam(network, image, 1) is None


def test_with_average_pooling_grad_cam_is_the_class_activation_map():
    """The older method that it generalises: feature maps added up by the last layer's weights, over their size."""
    torch.manual_seed(1)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    image = torch.rand(1, 6, 6)
    with torch.no_grad():
        maps = network[:2](image[None])[0]
        expected = torch.relu((network[4].weight[1][:, None, None] * maps).sum(0)) / 36

    np.testing.assert_allclose(grad_cam(network, image, 1), expected, rtol=1e-5, atol=1e-8)


def test_grad_cam_passes_over_a_convolution_that_has_no_place_left():
    """Its one position covers the whole image; the one before it, norm and activation included, still has places."""
    torch.manual_seed(2)
    first = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Tanh()]
    network = nn.Sequential(nn.Sequential(*first), nn.Conv2d(4, 5, 6), nn.ReLU(), nn.Flatten(), nn.Linear(5, 2)).eval()
    image = torch.rand(1, 6, 6)
    maps = network[0](image[None]).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(network[1:](maps)[0, 0], maps)
    expected = torch.relu((gradient.mean((2, 3), keepdim=True) * maps).sum(1))[0].detach()

    np.testing.assert_allclose(grad_cam(network, image, 0), expected, rtol=1e-5, atol=1e-8)
    assert grad_cam(build(get_args(Model)[-1], (1, 1), 2).eval(), torch.rand(1, 1, 1), 0) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (7, 5), (28, 28), (8, 8, 3), (97, 53)], ids=str)
def test_occlusion_is_what_a_naive_loop_finds(shape):
    """Each pixel has the mean fall of the probability over all patches that cover it, and at least one does."""
    torch.manual_seed(0)
    network = build("mlp", shape, 3).eval()
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    boxes, whole = patches(*shape[:2]), predict(network, image[None])[0]
    falls = [[[] for _ in range(shape[1])] for _ in range(shape[0])]
    for top, left, bottom, right in boxes.tolist():
        copy = image.copy()
        copy[top:bottom, left:right] = 7
        fall = whole[2] - predict(network, copy[None])[0, 2]
        for row in range(top, bottom):
            for column in range(left, right):
                falls[row][column].append(fall)
    expected = [[np.mean(found) for found in line] for line in falls]
    covered = OcclusionResult(whole, boxes, occlude(network, image, 7, boxes))

    np.testing.assert_allclose(spread(boxes, covered.drops(2), *shape[:2]), expected, atol=1e-5)


def test_the_number_of_patches_does_not_grow_with_the_image():
    """A picture as large as a photograph takes as many predictions as a digit."""
    assert max(len(patches(side, side)) for side in range(1, 150)) == 225


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)], ids=str)
def test_filters_are_the_first_weights_as_pictures(shape):
    """A hidden unit's picture, multiplied with an image, gives what the unit sees; a convolution's are its kernels."""
    torch.manual_seed(0)
    channels = (*shape, 1)[2]
    perceptron, convolution = build("mlp", shape, 3), nn.Conv2d(channels, 6, 3)
    image = np.random.default_rng(1).random((channels, *shape[:2])).astype(np.float32)
    table = filter_table(perceptron, shape)
    places = tuple(table[name] for name in ("channel", "row", "column"))
    seen = (table["value"] * image[places]).groupby(table["filter"]).sum()
    first = next(layer for layer in perceptron.modules() if isinstance(layer, nn.Linear))
    kernels = filter_table(nn.Sequential(convolution), shape)

    np.testing.assert_allclose(seen, (first.weight @ torch.from_numpy(image).reshape(-1)).detach(), atol=1e-5)
    assert len(kernels) == 6 * channels * 9
    assert kernels.query("filter == 4 and channel == 0 and row == 2 and column == 1")["value"].item() == pytest.approx(
        convolution.weight[4, 0, 2, 1].item()
    )
