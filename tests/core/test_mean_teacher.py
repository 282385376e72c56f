from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_em_autoclass.core.mean_teacher import MeanTeacher


@pytest.fixture
def student() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3))


def test_begins_as_the_student(student: nn.Module) -> None:
    image = torch.randn(2, 1, 8, 8)
    assert torch.equal(MeanTeacher(student)(image), student.eval()(image))


@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.99])
def test_moves_by_the_rest_of_the_momentum_and_copies_buffers(student: nn.Module, momentum: float) -> None:
    teacher = MeanTeacher(student)
    before = {name: p.clone() for name, p in student.named_parameters()}
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(1.0)
    student.train()(torch.randn(4, 1, 8, 8))  # moves the running statistics
    teacher.follow(student, momentum)
    for name, ours in teacher.network.named_parameters():
        torch.testing.assert_close(ours, momentum * before[name] + (1 - momentum) * student.get_parameter(name))
    for name, ours in teacher.network.named_buffers():
        assert torch.equal(ours, student.get_buffer(name))


def test_never_trains(student: nn.Module) -> None:
    teacher = MeanTeacher(student).train()
    assert not any(module.training for module in teacher.network.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    running = teacher.network[1].running_mean.clone()
    teacher(torch.randn(4, 1, 8, 8))
    assert torch.equal(teacher.network[1].running_mean, running)


def test_takes_what_jumped_and_nothing_else(student: nn.Module) -> None:
    teacher = MeanTeacher(student)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(1.0)
    kept = teacher.network[0].weight.clone()
    teacher.take(student, "1.")
    assert torch.equal(teacher.network[1].weight, student[1].weight)
    assert torch.equal(teacher.network[0].weight, kept)
