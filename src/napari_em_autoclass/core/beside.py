"""The steps of a training in a thread of their own, so that pictures can be made meanwhile.

The training stays one generator.  It starts a step here, makes pictures with a copy of the weights while the step
runs, and says what the step did when it is done.
"""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

from napari_em_autoclass.core.clock import Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from napari_em_autoclass.core.classifier import FilterClassifier, ForecastClassifier
    from napari_em_autoclass.core.events import Event

__all__ = ["Beside", "one_thread"]


class Beside:
    """One thread that does steps, one at a time, and a copy of the weights for whoever looks at them meanwhile.

    Parameters
    ----------
    n_threads : that torch uses for a step: it counts them for each thread by itself

    Attributes
    ----------
    step_s : seconds that the last step took, 0 before the first
    """

    def __init__(self, n_threads: int) -> None:
        self._thread = ThreadPoolExecutor(1, "training-step", torch.set_num_threads, (n_threads,))
        self.step_s = 0.0
        self._copied: tuple[nn.Module, FilterClassifier | ForecastClassifier] | None = None

    def start(self, step: Callable[[], list[Event]]) -> Future[list[Event]]:
        """Begin a step; none may be running."""
        return self._thread.submit(self._timed, step)

    def copied(self, classifier: FilterClassifier | ForecastClassifier) -> FilterClassifier | ForecastClassifier:
        """Return `classifier` as it is now, in evaluation mode; the next call overwrites what it returned.

        To be called between two steps: a network in the middle of one is neither the old nor the new one.
        """
        if self._copied is not None and self._copied[0] is classifier:
            self._copied[1].load_state_dict(classifier.state_dict())
        else:  # the first, or another one than last time: the filters, the network, or one that went back
            made = copy.deepcopy(classifier).eval().requires_grad_(False)
            made.zero_grad(set_to_none=True)  # the gradients were copied too
            self._copied = classifier, made
        return self._copied[1]

    def close(self) -> None:
        """Wait for the step that runs, and end the thread."""
        self._thread.shutdown()

    def _timed(self, step: Callable[[], list[Event]]) -> list[Event]:
        timer = Timer()
        said = step()
        self.step_s = timer.seconds()
        return said


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in the calling thread alone: the other processors are at work on a step."""
    threads = torch.get_num_threads()
    if threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
