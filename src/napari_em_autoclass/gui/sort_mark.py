"""The arrow in a header stays only while the rows lie in the order that it tells."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from qtpy.QtCore import QAbstractItemModel, QObject, QSignalBlocker, Qt, QTimer
from qtpy.QtWidgets import QTreeView

__all__ = ["SortMark", "is_in_order"]


def is_in_order(rows: QAbstractItemModel, column: int, order: Qt.SortOrder, role: int) -> bool:
    """Return whether the outer rows lie in the order of what `role` gives for a column."""
    keys: list[Any] = [rows.index(row, column).data(role) for row in range(rows.rowCount())]
    if order == Qt.SortOrder.DescendingOrder:
        keys.reverse()
    return not any(after < before for before, after in pairwise(keys))


class SortMark(QObject):
    """Takes the arrow away when rows have come, gone or changed so that they are out of order.

    The rows are not sorted anew: they would jump about under the pointer.  A click on the header does it.

    Parameters
    ----------
    view : with a header that shows a sort indicator
    sort_role : gives what the rows are sorted by
    """

    def __init__(self, view: QTreeView, sort_role: int) -> None:
        super().__init__(view)
        self._view, self._role = view, sort_role
        self._soon = QTimer(self)  # once for all the changes of one edit
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.look)
        rows = view.model()
        assert rows is not None  # the view was given one
        self._rows: QAbstractItemModel = rows
        for signal in (rows.dataChanged, rows.rowsInserted, rows.rowsRemoved, rows.modelReset):
            signal.connect(self._on_changed)

    def look(self) -> None:
        """Take the arrow away if the rows are not in its order."""
        header = self._view.header()
        column = header.sortIndicatorSection() if header is not None else -1
        if header is None or not 0 <= column < self._rows.columnCount():
            return
        if not is_in_order(self._rows, column, header.sortIndicatorOrder(), self._role):
            with QSignalBlocker(header):  # the view would bring the rows back into the order they were learned in
                header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)

    def _on_changed(self, *_: object) -> None:
        header = self._view.header()
        if header is not None and header.sortIndicatorSection() >= 0:
            self._soon.start()
