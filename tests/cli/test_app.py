from __future__ import annotations

import logging
import signal
import subprocess
import sys
import warnings
from typing import Any

import pytest

import napari_em_autoclass
from napari_em_autoclass.cli import app

COMMANDS = (
    *("train", "predict", "classes", "probe", "refine", "score", "compare", "recipes", "prompts", "asem"),
    *("export-model", "info", "phantom", "demo"),
)


def test_version_is_that_of_the_package(em_autoclass: Any) -> None:
    ended = em_autoclass("--version")
    assert (ended.code, ended.out) == (0, f"em-autoclass {napari_em_autoclass.__version__}\n")


def test_help_lists_every_command_and_is_what_no_arguments_give(em_autoclass: Any) -> None:
    ended = em_autoclass("--help")
    assert ended.code == 0
    assert all(f" {command} " in ended.out for command in COMMANDS)
    assert em_autoclass().out == ended.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, em_autoclass: Any) -> None:
    ended = em_autoclass(command, "--help")
    assert ended.code == 0
    assert f"$ em-autoclass {command}" in ended.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["train"],
        ["train", "missing.tif", "--out", "run", "--classes", "many"],
        ["phantom", "stack.png"],
    ],
)
def test_help_and_mistakes_in_the_arguments_answer_without_anything_heavy(arguments: list[str], tmp_path: Any) -> None:
    heavy = ("torch", "sklearn", "napari", *(("numpy",) if "--help" in arguments else ()))
    program = (
        "import sys\nfrom napari_em_autoclass.cli.app import main\n"
        f"code = main({arguments!r})\n"
        f"slow = [name for name in {heavy!r} if name in sys.modules]\n"
        "sys.exit(f'imported {slow}' if slow else code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == (0 if "--help" in arguments else 2), done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["trian"], "No such command 'trian'"),
        (["train", "a.tif"], "Missing option '--out'"),
        (["train", "a.tif", "--out", "r", "--clases", "3"], "No such option: --clases"),
        (["train", "a.tif", "--out", "r", "--voxel-size", "4"], "--voxel-size"),
        (["info"], "Missing argument 'RUN'"),
        (["score", "a.tif", "b.tif", "c.tif"], "unexpected extra argument"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(arguments: list[str], says: str, em_autoclass: Any) -> None:
    ended = em_autoclass(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("em-autoclass: ")
    assert ended.err.count("\n") == 1
    assert says.lower() in ended.err.lower()


def test_an_unexpected_error_is_one_line_and_with_debug_a_traceback(
    em_autoclass: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(arguments: list[str]) -> int:
        raise RuntimeError("shapes\ndo not match")

    monkeypatch.setattr(app, "_run", broken)
    short = em_autoclass("info", "run")
    assert short.code == 1
    assert short.err == (
        "em-autoclass: unexpected RuntimeError: shapes do not match; "
        "run `em-autoclass --debug ...` to see the traceback\n"
    )
    long = em_autoclass("info", "run", "--debug")
    assert long.code == 1
    assert "Traceback" in long.err


def test_ctrl_c_exits_130_with_one_line(em_autoclass: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_em_autoclass.core.checkpoint.RunFolder.open", interrupted)
    ended = em_autoclass("info", "run")
    assert (ended.code, ended.out, ended.err) == (130, "", "em-autoclass: interrupted; nothing was written\n")


def test_libraries_warn_and_log_nothing_to_the_terminal(em_autoclass: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def noisy(arguments: list[str]) -> int:
        warnings.warn("some library changed its mind", FutureWarning, stacklevel=1)
        logging.getLogger("tifffile").warning("strange tag")
        return 0

    monkeypatch.setattr(app, "_run", noisy)
    ended = em_autoclass("info", "run")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_main_leaves_the_handling_of_signals_and_logs_as_it_was(em_autoclass: Any) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), logging.lastResort
    em_autoclass("--version")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), logging.lastResort) == before


def test_a_reader_that_goes_away_is_no_error() -> None:
    # `em-autoclass --help | head -1`, with more output than a pipe holds
    program = (
        "import sys\nfrom napari_em_autoclass.cli import app\n"
        "app._run = lambda arguments: [print('x' * 1000) for _ in range(100000)] and 0\n"
        "sys.exit(app.main(['info', 'run']))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    complaint = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 1
    assert complaint == b""
