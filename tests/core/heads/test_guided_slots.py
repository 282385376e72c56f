from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from napari_em_autoclass.core.heads.guided_slots import GuidedSlotHead

E, K = 8, 5


def made(iterations: int = 2) -> GuidedSlotHead:
    torch.manual_seed(0)
    head = GuidedSlotHead(E, K, iterations=iterations)
    head.set_centres(torch.randn(K, E), 1.0)
    return head


def tiles(n: int = 3, seed: int = 1) -> Tensor:
    return torch.randn((n, E, 12, 16), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("iterations", [1, 3])
def test_slots_that_are_all_that_is_remembered_stay(iterations: int) -> None:
    head = made(iterations)
    slots = normalize(torch.randn(1, K, E), dim=2)
    head.memory.copy_(slots.expand_as(head.memory))
    torch.testing.assert_close(head.refined(slots), slots)


def test_memory_draws_a_slot_halfway_to_the_nearest_of_its_class() -> None:
    head = made(1)
    slots = normalize(torch.randn(1, K, E), dim=2)
    others = normalize(torch.randn(K, E), dim=1)
    head.memory.copy_(others.expand_as(head.memory))
    torch.testing.assert_close(head.refined(slots), normalize(slots + others, dim=2))
    # Four that are near hide twelve that lie on the other side.
    head.memory[4:] = -slots
    head.memory[:4] = slots
    torch.testing.assert_close(head.refined(slots), slots)


def test_a_slot_is_the_mean_of_the_pixels_that_look_like_the_class() -> None:
    head = made()
    prototypes = normalize(head.weight, dim=1).detach()
    pixels = normalize(tiles(), dim=1)
    probs = (torch.einsum("nehw,ke->nkhw", pixels, prototypes) / 0.1).softmax(dim=1)
    expected = torch.einsum("nkhw,nehw->nke", probs, pixels) / probs.sum(dim=(2, 3))[..., None]
    found = head.pooled(pixels, prototypes)
    assert torch.cosine_similarity(found, expected, dim=2).min() > 0.999


def test_a_class_without_pixels_is_its_prototype() -> None:
    head = made()
    prototypes = torch.eye(K, E)
    pixels = prototypes[0][None, :, None, None].expand(1, E, 12, 16)
    slots = head.pooled(pixels, prototypes)[0]
    torch.testing.assert_close(slots, prototypes, atol=0.03, rtol=0)


def test_logits_are_cosines_in_training_and_in_evaluation() -> None:
    head = made()
    for is_training in (True, False):
        logits = head.train(is_training)(tiles())
        assert logits.shape == (3, K, 12, 16)
        assert float(logits.detach().abs().max()) <= 10.00001
        torch.testing.assert_close(head.eval()(7 * tiles()), head(tiles()))


def test_centres_put_in_are_their_own_class() -> None:
    head = made().eval()
    centres = torch.randn(K, E)
    head.set_centres(centres, 1.0)
    logits = head(centres.T[None, :, :, None])[0, :, :, 0]
    torch.testing.assert_close(logits.diagonal(), torch.full((K,), 10.0))


def test_two_halves_are_classified_as_the_whole() -> None:
    head = made().train()
    for seed in range(10):
        head(tiles(seed=seed))
    head.eval()
    assert float(head.shift.abs().max()) > 1e-2
    whole = head(tiles())
    torch.testing.assert_close(torch.cat([head(tiles()[..., :6, :]), head(tiles()[..., 6:, :])], dim=2), whole)


def test_in_evaluation_slots_are_the_running_mean() -> None:
    head = made().train()
    prototypes = normalize(head.weight, dim=1).detach()
    for _ in range(300):
        head(tiles())
    with torch.no_grad():
        last = head.refined(head.pooled(normalize(tiles(), dim=1)[..., ::2, ::2], prototypes))
    torch.testing.assert_close(prototypes + head.shift, last.mean(dim=0), atol=1e-4, rtol=0)


def test_the_memory_holds_the_latest_tiles_and_forgets_the_oldest() -> None:
    head = made().train()
    assert torch.equal(head.memory[0], head.memory[15])
    before = head.memory.clone()
    head(tiles(6))
    changed = (head.memory != before).flatten(1).any(dim=1)
    assert changed.tolist() == [True] * 6 + [False] * 10
    for _ in range(2):
        head(tiles(6, seed=2))
    assert int(head.oldest) == 2


def test_its_weight_gets_a_gradient() -> None:
    head = made().train()
    (head(tiles()) * torch.randn(3, K, 12, 16)).sum().backward()
    assert head.weight.grad is not None
    assert head.weight.grad.any()


def test_all_that_it_remembers_is_saved() -> None:
    head, other = made().train(), made(1)
    head(tiles())
    other.load_state_dict(head.state_dict())
    assert torch.equal(other.eval()(tiles()), head.eval()(tiles()))
