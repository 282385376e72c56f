"""Version, changelog, citation and the files of a release agree; `make release-check` builds and tries one."""

from __future__ import annotations

import importlib.util
import io
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).parents[1]
CITATION = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check_release, check_archives = script("check_release"), script("check_archives")


def test_version_changelog_and_citation_agree() -> None:
    assert check_release.faults(REPOSITORY) == []


@pytest.mark.parametrize(
    ("headings", "version", "fault"),
    [
        (["Unreleased"], None, None),
        (["Unreleased", "0.10.0 (2026-12-01)", "0.9.1 (2026-11-30)"], None, None),
        (["0.10.0 (2026-12-01)", "0.9.1 (2026-11-30)"], "0.10.0", None),
        (["Unreleased", "0.9.1 (2026-11-30)"], "0.10.0", "first heading is '## Unreleased'"),
        (["0.9.1 (2026-11-30)"], "0.10.0", "first heading is '## 0.9.1"),
        (["0.9.1 (2026-11-30)", "Unreleased"], None, "'## Unreleased' should read"),
        (["0.9.1"], None, "'## 0.9.1' should read"),
        (["0.9.1 (2026-11-30)", "0.10.0 (2026-12-01)"], None, "newest to the oldest"),
        (["0.9.1 (2026-11-30)", "0.9.1 (2026-11-30)"], None, "each once"),
    ],
)
def test_the_changelog_is_read(headings: list[str], version: str | None, fault: str | None) -> None:
    found = check_release.changelog_faults("".join(f"## {heading}\n\nNews.\n\n" for heading in headings), version)
    assert len(found) == (fault is not None)
    assert fault is None or fault in found[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [("license: BSD-3-Clause", "license: MIT"), ("title: ", "title: my "), ("type: ", "version: 1.0.0\ntype: ")],
)
def test_a_citation_that_differs_is_found(old: str, new: str) -> None:
    assert check_release.citation_faults(CITATION, PROJECT) == []
    assert len(check_release.citation_faults(CITATION.replace(old, new, 1), PROJECT)) == 1


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a wheel and a source archive of a repository of three files, as they should be."""
    files = {"pyproject.toml", ".ci/run", "src/napari_em_autoclass/py.typed"}
    monkeypatch.setattr(check_archives, "tracked", lambda: files)
    with zipfile.ZipFile(tmp_path / "a-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("napari_em_autoclass/py.typed", "")
        for name in check_archives.IN_METADATA:
            wheel.writestr(f"a-1.dist-info/{name}", "")
    with tarfile.open(tmp_path / "a-1.tar.gz", "w:gz") as source:
        for name in ("pyproject.toml", "src/napari_em_autoclass/py.typed", "PKG-INFO"):
            source.addfile(tarfile.TarInfo(f"a-1/{name}"), io.BytesIO())
    return tmp_path


def test_archives_that_hold_what_they_should_have_no_problem(dist: Path) -> None:
    assert check_archives.problems(dist) == []


def test_a_file_too_many_and_a_file_too_few_are_named(dist: Path) -> None:
    check_archives.tracked().add("src/napari_em_autoclass/core/recipes/new.json")
    with zipfile.ZipFile(dist / "a-1-py3-none-any.whl", "a") as wheel:
        wheel.writestr("tests/stack.tif", "")
    assert check_archives.problems(dist) == [
        "the wheel lacks napari_em_autoclass/core/recipes/new.json",
        "the wheel has tests/stack.tif, which doesn't belong there",
        "the source archive lacks src/napari_em_autoclass/core/recipes/new.json",
        "tests/stack.tif is a stack",
    ]


def test_two_wheels_are_no_release(dist: Path) -> None:
    (dist / "b-2-py3-none-any.whl").touch()
    assert "has 2 and 1" in check_archives.problems(dist)[0]
