"""Parts are told apart within their class, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from models import network_of, sketch_of

from napari_em_autoclass.core.classifier.split_classifier import SplitClassifier, embedded
from napari_em_autoclass.core.split import Part, Split


def split_at(class_id: int, centres: list[list[float]], first_id: int, temperature: float = 1.0) -> Split:
    parts = (Part(first_id + k, f"part {k}", "#102030", tuple(centre)) for k, centre in enumerate(centres))
    return Split(class_id, tuple(parts), temperature, "")


@pytest.fixture(params=[sketch_of, network_of], ids=["filters", "network"])
def base(request, phantom, fast_settings):
    from napari_em_autoclass.core.volume import Volume

    volume = Volume(phantom.raw, phantom.voxel_size_nm)
    return request.param(volume, fast_settings).classifier


def test_the_logits_of_the_classes_stay_bit_for_bit(base) -> None:
    image = torch.randn(1, 1, 32, 32)
    embedding, logits = embedded(base, image)
    with torch.no_grad():
        assert torch.equal(base(image), logits)
    split = split_at(2, torch.randn(3, embedding.shape[1]).tolist(), 5)
    made = SplitClassifier(base, [split])
    assert torch.equal(made(image)[:, :4], logits)
    assert made(image).shape == (1, 7, 32, 32)
    assert (made.stride, made.radius_px, made.context) == (base.stride, base.radius_px, base.context)


def test_a_part_has_the_pixels_of_its_class_that_are_nearest_to_its_centre(base) -> None:
    image = torch.randn(1, 1, 32, 32)
    embedding, logits = embedded(base, image)
    centres = torch.randn(2, embedding.shape[1])
    ids, top, probs = SplitClassifier(base, [split_at(3, centres.tolist(), 5)]).tell_apart(
        SplitClassifier(base, [split_at(3, centres.tolist(), 5)])(image)[0]
    )
    classes = logits[0].argmax(dim=0) + 1
    assert torch.equal(torch.where(ids > 4, 3, ids), classes)
    distances = (embedding[0][None] - centres[:, :, None, None]).square().sum(dim=1)
    nearest = distances.argmin(dim=0)
    assert torch.equal(ids[classes == 3], 5 + nearest[classes == 3])
    assert torch.allclose(probs[4] + probs[5], probs[2], atol=1e-6)
    assert torch.equal(probs[:4], logits[0].softmax(dim=0))
    here = classes == 3
    assert torch.allclose(top[here], probs[4:].max(dim=0).values[here], atol=1e-6)


def test_by_hand() -> None:
    class OneNumber(torch.nn.Module):
        context, stride, radius_px = 0, 1, 0

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("nothing", torch.zeros(1))

    made = SplitClassifier(OneNumber(), [split_at(1, [[0.0], [1.0]], 4), split_at(2, [[0.0], [1.0]], 6)])  # type: ignore[arg-type]
    # Two classes and four parts for three pixels: class 1, its second part; class 2, its first part; class 1, first.
    scores = torch.tensor([[2.0, 0, 1], [0, 1, 0], [0, 9, 5], [1, 0, 0], [9, 1, 1], [0, 0, 9]])[:, None]
    ids, top, probs = made.tell_apart(scores)
    assert ids.tolist() == [[5, 6, 4]]
    p = np.exp(2) / (np.exp(2) + 1)
    assert float(top[0, 0]) == pytest.approx(p * np.e / (1 + np.e))
    assert probs.shape == (7, 1, 3)
    assert probs[2].tolist() == [[0, 0, 0]]  # an id between, of no class
