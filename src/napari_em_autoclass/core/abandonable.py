"""A step of learning that may be given up halfway, as if it had never begun: who presses Stop need not wait for it.

Between the modules of a network, forward and backward, it is asked whether the step is still wanted.  Parameters change
only at the very end of a step; what changes before, such as the statistics of batch norm, is put back.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor

from napari_em_autoclass.core.errors import Abandoned, require_wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import nn

__all__ = ["abandonable"]


@contextmanager
def abandonable(networks: Iterable[nn.Module], is_wanted: Callable[[], bool]) -> Iterator[None]:
    """Within the block, end with `Abandoned` between two modules as soon as `is_wanted` says no.

    Parameters
    ----------
    networks : all whose buffers the block may change; after `Abandoned` these are as before
    is_wanted : asked once a module, forward and backward

    Raises
    ------
    Abandoned
        If `is_wanted` says no.
    """
    modules = [module for network in networks for module in network.modules()]
    kept = [
        (module, name, buffer.clone()) for module in modules for name, buffer in module.named_buffers(recurse=False)
    ]
    ask = partial(_ask, is_wanted)
    hooks = [module.register_forward_hook(ask) for module in modules]
    try:
        yield
    except Abandoned:
        for module, name, buffer in kept:
            setattr(module, name, buffer)
        raise
    finally:
        for hook in hooks:
            hook.remove()


def _ask(is_wanted: Callable[[], bool], _module: Any, _given: Any, made: Any) -> None:
    require_wanted(is_wanted)
    if isinstance(made, Tensor) and made.requires_grad:
        made.register_hook(partial(_ask_backward, is_wanted))  # type: ignore[no-untyped-call]


def _ask_backward(is_wanted: Callable[[], bool], _gradient: Tensor) -> None:
    require_wanted(is_wanted)
