"""One view at a time, and only the newest of those that wait."""

from __future__ import annotations

import threading
from typing import Any

from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.gui.previewer import Previewer


def view(z: int) -> ViewRequest:
    return ViewRequest(z, 0, 4, 0, 4)


def test_while_it_works_only_the_newest_view_is_kept(qtbot: Any, fake_run: Any) -> None:
    go, begun = threading.Event(), threading.Event()
    asked: list[int] = []

    def classify(request: ViewRequest) -> Any:
        asked.append(request.z)
        begun.set()
        go.wait(5)
        return fake_run().snapshot(request)

    previewer = Previewer(classify)
    answers: list[int] = []
    previewer.answered.connect(lambda snapshot: answers.append(snapshot.view.z))
    previewer.ask(view(0))
    qtbot.waitUntil(begun.is_set, timeout=3000)
    for z in (1, 2, 3):
        previewer.ask(view(z))
    go.set()
    qtbot.waitUntil(lambda: answers == [0, 3], timeout=3000)
    assert asked == [0, 3]


def test_an_error_is_told_and_the_next_view_is_answered(qtbot: Any, fake_run: Any) -> None:
    def classify(request: ViewRequest) -> Any:
        if request.z == 0:
            raise RuntimeError("no")
        return fake_run().snapshot(request)

    previewer = Previewer(classify)
    with qtbot.waitSignal(previewer.failed, timeout=3000):
        previewer.ask(view(0))
    with qtbot.waitSignal(previewer.answered, timeout=3000):
        previewer.ask(view(1))


def test_after_close_nothing_is_answered(qtbot: Any, fake_run: Any) -> None:
    go, done = threading.Event(), threading.Event()

    def classify(request: ViewRequest) -> Any:
        go.wait(5)
        done.set()
        return fake_run().snapshot(request)

    previewer = Previewer(classify)
    previewer.ask(view(0))
    previewer.ask(view(1))
    with qtbot.assertNotEmitted(previewer.answered, wait=100):
        previewer.close()
        go.set()
        qtbot.waitUntil(done.is_set, timeout=3000)
