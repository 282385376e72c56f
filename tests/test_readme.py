"""What README.md and the documentation claim holds."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from doc_blocks import PAGES, REPOSITORY, blocks_of, name_of

README = REPOSITORY / "README.md"


def without_blocks(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True)


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def test_the_code_in_the_readme_runs(tmp_path: Path) -> None:
    (code,) = (block.text for block in blocks_of(README) if block.language == "python")
    assert "training.steps=60" in code
    # A reader wants to see something, a test only that it runs.
    done = run_python(code.replace("training.steps=60", "training.steps=3"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^step \d+: [\d.]+ of 20 classes in use$", done.stdout, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", without_blocks(page)):
        assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_named_in_a_sentence_exists(page: Path) -> None:
    """Those in blocks are run, or parsed, by tests/docs/test_code_blocks.py."""
    from typer.main import get_command

    from napari_em_autoclass.cli.app import app

    known = {name: {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
             for name, command in get_command(app).commands.items()}  # fmt: skip
    for named in re.findall(r"`em-autoclass (\w[^`]*)`", without_blocks(page)):
        name, *words = named.split()
        assert name in known, f"{page.name}: there is no em-autoclass {name}"
        for option in words:
            assert not option.startswith("--") or option in known[name], f"{page.name}: {name} has no {option}"


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "docs" / "generate.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, f"run `python docs/generate.py`\n{done.stdout}{done.stderr}"
