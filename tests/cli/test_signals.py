from __future__ import annotations

import signal
import threading

import pytest

from napari_em_autoclass.cli.signals import calling_on_signals, sigterm_like_ctrl_c


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_interrupts(number: signal.Signals) -> None:
    asked: list[str] = []
    with calling_on_signals(lambda: asked.append("end")):
        signal.raise_signal(number)
        assert asked == ["end"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert asked == ["end"]


def test_sigterm_interrupts_like_ctrl_c() -> None:
    with pytest.raises(KeyboardInterrupt), sigterm_like_ctrl_c():
        signal.raise_signal(signal.SIGTERM)


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with sigterm_like_ctrl_c(), calling_on_signals(list):
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_threads_other_than_the_main_one_do_without() -> None:
    done: list[bool] = []

    def work() -> None:
        with sigterm_like_ctrl_c(), calling_on_signals(list):
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
