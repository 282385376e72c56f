"""What can be checked of a block that does not run here; on the path of the tests (pyproject.toml)."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from doc_blocks import PARSED, PLAIN, REPOSITORY, Block
from typer.main import get_command

from napari_em_autoclass.cli.app import app
from napari_em_autoclass.core.run_settings import load_recipe

_OUTPUTS = ("out",)
_ADDED_TO = ("asem", "compare")  # these go on with what is there


def check_unrun(block: Block) -> None:
    """Check a block that is marked: the reason is a reason, and what it names exists."""
    assert block.not_run is not None
    assert len(block.not_run.split()) >= 3, f"{block}: {block.not_run!r} gives no reason"
    if block.language == "python":
        ast.parse(block.text)
    elif block.language == "bash":
        subprocess.run(["bash", "-n", "-c", block.text], check=True)
    elif block.language == "console":
        for line in block.commands():
            for command in line.split(" && "):
                check_command(shlex.split(command, comments=True), str(block))
    else:
        check_data(block, None)


def check_command(words: list[str], where: str) -> None:
    """Check that a command of this project, or a file given to pip or make, exists."""
    if words[0] == "em-autoclass":
        parsed(words[1:], where)
    elif words[0] == "make":
        targets = re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert words[1] in targets, f"{where}: make knows no {words[1]}"
    elif words[:2] == ["pip", "install"]:
        _check_pip(words[2:], where)


def _check_pip(words: list[str], where: str) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    for option, value in pairwise(words):
        if option == "-c":
            assert (REPOSITORY / value).is_file(), f"{where}: there is no {value}"
        if option == "--group":
            assert value in project["dependency-groups"], f"{where}: there is no group {value}"
    for word in words:
        for extras in re.findall(r"^(?:\.|napari-em-autoclass)\[(.*)\]$", word):
            unknown = set(extras.split(",")) - set(project["project"]["optional-dependencies"])
            assert not unknown, f"{where}: there are no extras {unknown}"


def check_data(block: Block, folder: Path | None) -> None:
    """Parse a block of data; what is ours is read by our own reader."""
    assert block.language in (*PARSED, *PLAIN), f"{block}: nobody checks a block of {block.language!r}"
    if block.language == "json":
        content = json.loads(block.text)
        if folder is not None and isinstance(content, dict) and "terms" in content:
            recipe = folder / "recipe.json"
            recipe.write_text(block.text)
            assert load_recipe(str(recipe)).terms
    elif block.language == "toml":
        tomllib.loads(block.text)
    elif block.language == "yaml":
        content = yaml.safe_load(block.text)
        if "distributed" in content:
            import dask.config
            import distributed  # its defaults come with it

            assert distributed.__version__
            _check_keys(content, dask.config.config, str(block))


def _check_keys(given: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
    for key, value in given.items():
        assert key in known, f"{where}: Dask knows no setting {key!r}"
        if isinstance(value, Mapping):
            _check_keys(value, known[key], where)


def parsed(words: list[str], where: str) -> dict[str, Any]:
    """Return the arguments of one of our commands as the program understands them."""
    command: Any = get_command(app).commands.get(words[0])  # type: ignore[attr-defined]
    assert command is not None, f"{where}: there is no em-autoclass {words[0]}"
    try:
        return dict(command.make_context(words[0], words[1:]).params)
    except Exception as error:  # of the copy of click that typer brings
        raise AssertionError(f"{where}: em-autoclass {shlex.join(words)}: {error}") from error


def written_by(words: list[str]) -> list[Path]:
    """Return what a command writes anew, and would not replace."""
    given = parsed(words, "em-autoclass")
    if words[0] in _ADDED_TO or given.get("resume") or given.get("overwrite"):
        return []
    return [Path(given[name]) for name in _OUTPUTS if given.get(name)]
