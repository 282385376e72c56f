"""A folder in which a page's blocks run as they stand; on the path of the tests (pyproject.toml).

What is not as for a reader, and why:

- The stacks, runs and maps that a page takes for granted are small stand-ins, put there when first named (`StandIns`).
- Settings are what the page asks for, made small: a test wants to see that it runs (`made_small`).
- Other machines are this one: `gpu-box:8786` becomes a free port here; `/shared/` and a bucket are folders.
- Several ways to write the same file, shown one after the other, are alternatives: the earlier file is put away, except
  where `strict`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import doc_checks
import pytest
from doc_blocks import Block
from doc_stand_ins import StandIns

from napari_em_autoclass.cli.app import main
from napari_em_autoclass.cli.wishes import Wishes
from napari_em_autoclass.core import phantom, run_settings
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting

SMALL = (
    *("device=cpu", "training.threads=1", "training.tiles_per_step=2", "training.pixels_per_tile=256"),
    *("tiles.size_px=48", "tiles.region_px=48", "tiles.n_regions=2", "classifier.width=4", "classifier.depth=2"),
    *("classifier.n_features=8", "classifier.n_textons=24", "classifier.filter_scales_nm=[8.0, 16.0]"),
    "predictor.width=4",
)
STEPS = 3
SHAPE = (6, 128, 128)
# Each is run with the others by tests/core/test_every_recipe.py.
RECIPES = ("neighbour-forecast", "filters")

_MACHINES = re.compile(r"\b(?:gpu-box|head-node|127\.0\.0\.1|localhost):(\d{4,5})\b")
_PLACES = {"/shared/": "shared/", "s3://bucket/": "bucket/"}
_FEWER = {"--workers 4": "--workers 1"}  # each worker takes seconds to import torch
_SUBPROCESSES = ("openssl", "torchrun")


def made_small(settings: RunSettings, steps: int = STEPS) -> RunSettings:
    """Return settings that differ in cost alone: recipe, terms and number of classes stay."""
    for change in (*SMALL, f"training.steps={steps}"):
        settings = apply_setting(settings, change)
    return settings


def shortened(code: str) -> str:
    """Return Python with fewer steps in it."""
    return re.sub(r"training\.(?:steps|seconds)=\d+", f"training.steps={STEPS}", code)


class Room:
    """Runs blocks in `folder`; `strict` gives no stand-ins and puts nothing away."""

    def __init__(self, folder: Path, stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch, strict: bool) -> None:
        self.folder, self.strict = folder, strict
        self._stand_ins = stand_ins
        self._ports: dict[str, int] = {}
        self._names: dict[str, Any] = {"__name__": "__main__"}  # of Python: a page goes on where its last block ended
        self._servers: list[subprocess.Popen[bytes]] = []
        monkeypatch.chdir(folder)
        _make_settings_small(monkeypatch)

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *_: object) -> None:
        for server in reversed(self._servers):
            server.terminate()
        for server in reversed(self._servers):
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:  # on a busy machine a scheduler takes long to say good-bye
                server.kill()
                server.wait()

    def run(self, block: Block) -> None:
        """Run a block, or check what can be checked of one that isn't code."""
        text = self._here(block.text)
        if block.language == "console":
            for line in Block(block.page, block.line, block.language, text, None).commands():
                for command in line.split(" && "):
                    self._run_command(command, str(block))
        elif block.language == "python":
            self._run_python(text, str(block))
        elif block.language == "bash":
            self._run_bash(text, str(block))
        else:
            doc_checks.check_data(block, self.folder)

    def _here(self, text: str) -> str:
        for there, here in {**_PLACES, **_FEWER}.items():
            text = text.replace(there, here)
        text = re.sub(r"--port (\d+)", lambda match: f"--port {self._port(match[1])}", text)
        return _MACHINES.sub(lambda match: f"127.0.0.1:{self._port(match[1])}", text)

    def _port(self, shown: str) -> int:
        if int(shown) in self._ports.values():  # it was put in place already
            return int(shown)
        if shown not in self._ports:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self._ports[shown] = free.getsockname()[1]
        return self._ports[shown]

    def _run_command(self, command: str, where: str) -> None:
        words = shlex.split(command, comments=True)
        output = None
        if ">" in words:
            at = words.index(">")
            words, output = words[:at], words[at + 1]
        self._furnish(words)
        if words[0] == "em-autoclass":
            self._run_ours(words[1:], output, where)
        elif words[0] == "dask":
            self._serve(words)
        elif words[0] in _SUBPROCESSES:
            self._run_other(words, where)
        else:
            raise AssertionError(f"{where}: nobody taught the tests to run {words[0]!r}; mark the block if none can")

    def _run_ours(self, words: list[str], output: str | None, where: str) -> None:
        if not self.strict:
            for written in doc_checks.written_by(words):
                self._put_away(written)
        if words[0] == "demo":
            words = [*words, "--headless"]  # the window is tested in tests/gui/test_demo.py
        with contextlib.ExitStack() as stack:
            if output is not None:
                file = stack.enter_context((self.folder / output).open("w"))
                stack.enter_context(contextlib.redirect_stdout(file))
            code = main(words)
        assert code == 0, f"{where}: em-autoclass {shlex.join(words)} ended with {code}"

    def _put_away(self, written: Path) -> None:
        path = self.folder / written
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        shutil.rmtree(path.with_name(path.name.replace(".ome.zarr", ".probabilities.ome.zarr")), ignore_errors=True)

    def _furnish(self, words: list[str]) -> None:
        if not self.strict:
            for before, word in pairwise(["", *words]):
                if before != "--out" or "--resume" in words:
                    self._stand_ins.put(word, self.folder)

    def _serve(self, words: list[str]) -> None:
        """Start a scheduler or a worker, which ends with the room; as programs of their own, like theirs."""
        quiet = ["--no-dashboard"] + (["--no-nanny"] if words[1] == "worker" else ["--host", "127.0.0.1"])
        command = [sys.executable, "-m", "distributed.cli.dask_" + words[1], *words[2:], *quiet]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        said = self.folder / f"dask-{len(self._servers)}.log"
        with said.open("wb") as file:
            server = subprocess.Popen(command, cwd=self.folder, env=environment, stderr=file)
        self._servers.append(server)
        # A reader goes on when it says so too.
        ready = {"scheduler": "Scheduler at:", "worker": "Registered to:"}[words[1]]
        while ready not in said.read_text():
            assert server.poll() is None, f"{shlex.join(words)} ended: {said.read_text()}"
            time.sleep(0.1)

    def _run_other(self, words: list[str], where: str) -> None:
        if words[0] == "torchrun":
            changes = [part for change in (*SMALL, f"training.steps={STEPS}") for part in ("--set", change)]
            # Half of these tiles for each process, which each section it looks at divides further.
            more = ["--set", "training.tiles_per_step=8", "--set", "tiles.n_regions=8"]
            words = [sys.executable, "-m", "torch.distributed.run", "--standalone", *words[1:], *changes, *more]
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{where}: {shlex.join(words)}\n{done.stderr}"

    def _run_bash(self, text: str, where: str) -> None:
        self._stand_ins.put("stack.ome.tif", self.folder)
        changes = " ".join(f"--set '{change}'" for change in SMALL)
        text = re.sub(r"--seconds \d+", f"--steps {STEPS} {changes}", text)
        (self.folder / "em-autoclass").write_text(f'#!/bin/sh\nexec {sys.executable} -m napari_em_autoclass "$@"\n')
        (self.folder / "em-autoclass").chmod(0o755)
        given = {"PATH": f"{self.folder}:{os.environ['PATH']}", "STACK": "stack.ome.tif", "RUN": "bash-run"}
        done = subprocess.run(
            ["bash", "-u", "-c", text], env={**os.environ, **given}, cwd=self.folder, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{where}: {done.stderr}"

    def _run_python(self, text: str, where: str) -> None:
        for word in re.findall(r'"([^"]+)"', text):
            self._furnish([word])
        exec(compile(shortened(text), where, "exec"), self._names)


def _make_settings_small(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, continued, load_recipe = Wishes.settings, Wishes.continued, run_settings.load_recipe
    make_phantom = phantom.make_phantom

    def resumed(wishes: Wishes, settings: RunSettings) -> RunSettings:
        return made_small(continued(wishes, settings), (settings.training.steps or STEPS) + 2)

    def small_phantom(shape_zyx: Any = SHAPE, *others: Any, **named: Any) -> phantom.Phantom:
        shape = (
            SHAPE if shape_zyx is None else tuple(min(asked, few) for asked, few in zip(shape_zyx, SHAPE, strict=True))
        )
        return make_phantom(shape, *others, **named)

    monkeypatch.setattr(Wishes, "settings", lambda wishes: made_small(asked(wishes)))
    monkeypatch.setattr(Wishes, "continued", resumed)
    monkeypatch.setattr(run_settings, "recipe_names", lambda: RECIPES)
    # What a block of Python imports; the command line's own calls are made small above.
    monkeypatch.setattr(run_settings, "load_recipe", lambda name: made_small(load_recipe(name)))
    monkeypatch.setattr(phantom, "make_phantom", small_phantom)
