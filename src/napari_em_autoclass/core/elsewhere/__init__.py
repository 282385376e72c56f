"""The same training, elsewhere: in a process of its own, on a GPU box, on a node of a cluster; all are Dask workers.

`RemoteTrainer` offers what `Trainer` offers.  The worker keeps what happened until it is fetched (`EventBuffer`), the
client asks for more when it has shown the last: a slow client or network makes pictures rarer, and never holds up the
training.  Nothing here decides who may connect: whoever reaches a Dask scheduler can run code there, so an address
must be one that is trusted, and over a network TLS belongs to it (``docs/howto/remote-gpu.md``).
"""

from __future__ import annotations

from napari_em_autoclass.core.elsewhere.cluster import Cluster, WorkerLost, connect, own_process
from napari_em_autoclass.core.elsewhere.order import Order, TrainingInfo
from napari_em_autoclass.core.elsewhere.remote_trainer import RemoteTrainer
from napari_em_autoclass.core.elsewhere.worker_side import TrainingTask

__all__ = ["Cluster", "Order", "RemoteTrainer", "TrainingInfo", "TrainingTask", "WorkerLost", "connect", "own_process"]
