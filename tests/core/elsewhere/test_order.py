from __future__ import annotations

import pickle
from collections.abc import Callable

from napari_em_autoclass.core.elsewhere.order import Order, Parcel
from napari_em_autoclass.io.reference import ByValue


def test_an_order_and_what_is_sent_beside_it_survive_the_way(
    make_order: Callable[..., Order], value: Callable[[], ByValue]
) -> None:
    order = make_order(keeps_going=True)
    assert pickle.loads(pickle.dumps(order)) == order
    parcel = pickle.loads(pickle.dumps(Parcel(value(), {"run.json": b"1"})))
    assert parcel.files == {"run.json": b"1"}
    assert parcel.open_volume().shape_zyx == value()().shape_zyx
