from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from napari_em_autoclass.core.losses import Seen, Sizes, StepBatch, TrainState
from napari_em_autoclass.core.losses.cluster_targets import Clusters, ClusterTargets

OWN, TWO = ClusterTargets(source="own"), ClusterTargets(source="turned")
BOTH = pytest.mark.parametrize("term", [OWN, TWO], ids=["one view", "two views"])
# As uneven as tissue: 400, 150 and 50 pixels.
TRUTH = torch.tensor([0] * 400 + [1] * 150 + [2] * 50)[torch.randperm(600, generator=torch.Generator().manual_seed(9))]


def with_memory(term: ClusterTargets, n_classes: int = 3, width: int = 8) -> tuple[TrainState, Clusters]:
    memory = term.network(Sizes(n_classes, width, 4))
    return TrainState(10, 0.5, networks={term.kind: memory}), memory


def value(term: ClusterTargets, batch: StepBatch) -> Tensor:
    sizes = batch.logits.shape[1], batch.features.shape[1]
    return term(batch, with_memory(term, *sizes)[0]).loss


def features(seed: int = 0) -> Tensor:
    """Give a row (600, 8) for each pixel of `TRUTH`, around one of three directions."""
    noise = torch.randn((600, 8), generator=torch.Generator().manual_seed(seed))
    return 3 * torch.eye(3, 8)[TRUTH] + 0.2 * noise


def batch_of(logits: Tensor, ours: Tensor, other_logits: Tensor, theirs: Tensor) -> StepBatch:
    def as_map(rows: Tensor) -> Tensor:
        return rows.T[None, :, None, :]

    seen = {"turned": Seen(as_map(theirs), as_map(other_logits))}
    return StepBatch(as_map(logits), torch.ones(1, 1, len(logits), dtype=torch.bool), as_map(ours), seen)


def same_twice(logits: Tensor) -> StepBatch:
    return batch_of(logits, features(), logits, features(1))


@BOTH
def test_is_zero_when_each_pixel_is_sure_of_its_cluster(term: ClusterTargets) -> None:
    assert float(value(term, same_twice(60 * torch.eye(3)[TRUTH]))) == pytest.approx(0, abs=1e-5)


@BOTH
def test_is_ln_k_when_undecided(term: ClusterTargets) -> None:
    assert float(value(term, same_twice(torch.zeros(600, 3)))) == pytest.approx(math.log(3), abs=1e-5)


@BOTH
def test_one_class_everywhere_is_costly_and_pulled_back(term: ClusterTargets) -> None:
    one = (60 * torch.eye(3)[:1]).repeat(600, 1).requires_grad_()
    loss = value(term, same_twice(one))
    loss.backward()
    # Each cluster counts the same in one view; in two with the root of its size.
    roots = torch.bincount(TRUTH).sqrt()
    others = 2 / 3 if term.source == "own" else float((roots.sum() - roots.max()) / roots.sum())
    assert float(loss.detach()) == pytest.approx(60 * others, rel=0.02)
    assert float(one.grad[:, 0].sum()) > 0


@BOTH
def test_finds_the_groups_of_features(term: ClusterTargets) -> None:
    state, memory = with_memory(term)
    out = term(same_twice(torch.randn((600, 3), generator=torch.Generator().manual_seed(2))), state)
    assert out.logs["clusters_in_use"] == 3
    for view, rows in enumerate((features(), features(1))[: len(memory.centres)]):
        found = memory.labels(view, rows)
        assert adjusted_rand_score(TRUTH.numpy(), found.numpy()) == 1
        torch.testing.assert_close(memory.centres[view].norm(dim=1), torch.ones(3))


@BOTH
def test_clusters_take_the_names_of_the_classes_and_keep_them(term: ClusterTargets) -> None:
    for order in ([0, 1, 2], [2, 0, 1], [1, 0, 2]):
        names = torch.tensor(order)[TRUTH]
        state, memory = with_memory(term)
        batch = same_twice(60 * torch.eye(3)[names])
        assert float(term(batch, state).loss) == pytest.approx(0, abs=1e-5)
        # Classes that changed their minds do not rename clusters that are there.
        other = same_twice(60 * torch.eye(3)[TRUTH])
        for step in (15, 20, 60):
            term(other, replace(state, step=step))
            assert int(memory.fitted_at) == (10 if step == 15 else step)
        assert float(term(batch, replace(state, step=61)).loss) == pytest.approx(0, abs=1e-5)


def test_clusters_are_made_anew_as_often_as_asked() -> None:
    term = OWN.replace(refresh_every=5)
    state, memory = with_memory(term)
    fitted = []
    for step in range(13):
        term(same_twice(torch.zeros(600, 3)), replace(state, step=step))
        fitted.append(int(memory.fitted_at))
    assert fitted == [0] * 5 + [5] * 5 + [10] * 3


def test_small_clusters_count_as_much_as_large_ones_in_one_view() -> None:
    # Wrong on the 50 pixels of the smallest cluster alone: a third of the cost, not a twelfth.
    logits = 60 * torch.eye(3)[torch.where(TRUTH == 2, 1, TRUTH)]
    assert float(value(OWN, same_twice(logits))) == pytest.approx(60 / 3, rel=0.02)


def test_two_views_equal_the_formula() -> None:
    ours, theirs = (torch.randn((600, 3), generator=torch.Generator().manual_seed(s)) for s in (3, 4))
    batch = batch_of(ours, features(), theirs, features(1))
    state, memory = with_memory(TWO)
    loss = float(TWO(batch, state).loss)
    labels = [memory.labels(view, rows) for view, rows in enumerate((features(), features(1)))]
    costs = []
    for logits in (ours, theirs):
        for names in labels:
            weight = {k: 1 / math.sqrt(names.tolist().count(k)) for k in set(names.tolist())}
            total = sum(weight[k] for k in names.tolist())
            log_p = logits.log_softmax(dim=1)
            costs.append(-sum(weight[k] * float(log_p[i, k]) for i, k in enumerate(names.tolist())) / total)
    assert loss == pytest.approx(sum(costs) / 4, rel=1e-5)


def test_across_is_within_when_the_views_are_the_same() -> None:
    logits = torch.randn((600, 3), generator=torch.Generator().manual_seed(3))
    state, memory = with_memory(TWO)
    TWO(batch_of(logits, features(), logits, features()), state)
    torch.testing.assert_close(memory.centres[0], memory.centres[1], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("term", "learned"), [(OWN, {"logits"}), (TWO, {"logits", "turned"})])
def test_learns_by_the_logits_alone(raw, term: ClusterTargets, learned: set[str]) -> None:
    leaves = raw.leaves()
    value(term, leaves.batch()).backward()
    assert {name for name, tensor in leaves.values.items() if tensor.grad is not None} == learned
    assert term.parts() == learned


@BOTH
def test_a_run_that_goes_on_remembers(raw, term: ClusterTargets) -> None:
    (state, memory), (other_state, other) = with_memory(term, 5, 6), with_memory(term, 5, 6)
    term(raw.batch(), state)
    other.load_state_dict(memory.state_dict())
    again = [term(raw.batch(), replace(s, step=40)).loss for s in (state, other_state)]
    assert again[0] == again[1]


def test_right_clusters_cost_less_than_chance() -> None:
    right = 3 * torch.eye(3)[TRUTH]
    assert value(TWO, same_twice(right)) < value(TWO, same_twice(right[torch.randperm(600)]))


@BOTH
def test_what_all_pixels_have_in_common_does_not_hide_the_groups(term: ClusterTargets) -> None:
    # Less than a twentieth of the length tells the groups apart.
    ours, theirs = features() + 30, features(1) + 30
    logits = 60 * torch.eye(3)[TRUTH]
    assert float(value(term, batch_of(logits, ours, logits, theirs))) == pytest.approx(0, abs=1e-5)
