"""The rules of the house that no linter knows (CONTRIBUTING.md says why each)."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
import typing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[1]
SOURCE = REPOSITORY / "src" / "napari_em_autoclass"
MODULES = sorted(SOURCE.rglob("*.py"))
PYTHON_FILES = [
    path
    for folder in ("src", "tests", "benchmarks", "examples", "docs")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
]
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50
MAX_PARAMETERS = 5
GUI_LIBRARIES = ("napari", "magicgui", "superqt", "qtpy", "pyqtgraph", "vispy", "PyQt5", "PyQt6", "PySide2", "PySide6")


def relative(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def importable(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def n_positional(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = [*function.args.posonlyargs, *function.args.args]
    return len([argument for argument in given if argument.arg not in ("self", "cls")])


def classes_listed_in(union: object) -> set[str]:
    """Name the modules whose classes a union (maybe annotated with its discriminator) lists."""
    members = typing.get_args(union)
    if typing.get_origin(union) is typing.Annotated:
        members = typing.get_args(members[0])
    return {member.__module__ for member in members}


def test_core_and_io_import_without_napari_or_qt() -> None:
    modules = [importable(path) for path in MODULES if path.relative_to(SOURCE).parts[0] in ("core", "io")]
    program = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(','.join(name for name in {GUI_LIBRARIES!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = (
        "import sys, napari_em_autoclass\nprint([n for n in ('torch', 'numpy', 'napari', 'zarr') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_module_has_its_test_file() -> None:
    inside = [path.relative_to(SOURCE) for path in MODULES if not path.name.startswith("__")]
    expected = [REPOSITORY / "tests" / path.with_name(f"test_{path.name}") for path in inside]
    assert [relative(path) for path in expected if not path.is_file()] == []


def test_no_file_is_too_long() -> None:
    counts = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PYTHON_FILES}
    assert {name: count for name, count in counts.items() if count > MAX_FILE_LINES} == {}


def test_no_function_is_too_long() -> None:
    counts = {f"{relative(path)}:{f.lineno} {f.name}": body_lines(f) for path in MODULES for f in functions(path)}
    assert {name: count for name, count in counts.items() if count > MAX_FUNCTION_LINES} == {}


def test_no_function_takes_too_many_arguments_by_position() -> None:
    counts = {f"{relative(path)}:{f.lineno} {f.name}": n_positional(f) for path in MODULES for f in functions(path)}
    assert {name: count for name, count in counts.items() if count > MAX_PARAMETERS} == {}


def test_every_loss_term_is_in_the_union() -> None:
    losses = importlib.import_module("napari_em_autoclass.core.losses")
    base = importlib.import_module("napari_em_autoclass.core.losses.base")
    files = {importable(path): path for path in (SOURCE / "core" / "losses").glob("[!_]*.py") if path.stem != "base"}
    with_a_term = {
        name
        for name in files
        if any(
            isinstance(thing, type) and issubclass(thing, base.LossTerm) and thing.__module__ == name
            for thing in vars(importlib.import_module(name)).values()
        )
    }
    assert with_a_term, "no loss term was found at all"
    assert classes_listed_in(losses.AnyLossTerm) == with_a_term


def test_every_reader_is_in_the_list() -> None:
    package = importlib.import_module("napari_em_autoclass.io")
    modules = [importlib.import_module(importable(path)) for path in sorted((SOURCE / "io").glob("[!_]*.py"))]
    readers = {module for module in modules if hasattr(module, "can_read") and hasattr(module, "read")}
    assert readers, "no reader was found at all"
    assert set(package.READERS) == readers


def test_every_panel_is_in_the_dock() -> None:
    dock = importlib.import_module("napari_em_autoclass.gui.dock")
    files = {importable(path) for path in (SOURCE / "gui").glob("*_panel.py")}
    assert {panel.__module__ for panel in dock.PANELS} == files


def test_the_manifest_at_the_top_is_the_one_in_the_package() -> None:
    top, packaged = REPOSITORY / "napari.yaml", SOURCE / "napari.yaml"
    assert top.is_symlink() or top.read_text(encoding="utf-8") == packaged.read_text(encoding="utf-8")
    assert top.resolve() == packaged.resolve()


def test_everything_the_manifest_names_exists() -> None:
    npe2 = pytest.importorskip("npe2")
    manifest = npe2.PluginManifest.from_distribution("napari-em-autoclass")
    manifest.validate_imports()
    assert manifest.contributions.widgets
    assert manifest.contributions.sample_data


def test_requirements_pin_nothing_and_bring_no_qt() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for requirement in project["dependencies"]:
        assert re.fullmatch(r"[\w.-]+>=[\d.]+", requirement), f"{requirement}: lower bounds only"
        name = requirement.split(">")[0].lower()
        assert not name.startswith(("pyqt5", "pyqt6", "pyside")), (
            f"which Qt is used is the user's choice: {requirement}"
        )
    assert project["optional-dependencies"]["all"] == ["napari[all]"]


def test_what_is_imported_is_required_and_what_is_required_is_imported() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked_for = [
        *project["dependencies"],
        *extras["vit"],
        *extras["remote"],
        *extras["neuroglancer"],
        *extras["exchange"],
    ]
    required = {re.split(r"[\[>]", requirement)[0].lower() for requirement in asked_for}
    named = {"PIL": "pillow", "bioimageio": "bioimageio.core", "sklearn": "scikit-learn", "skimage": "scikit-image"}
    trees = (ast.walk(ast.parse(path.read_text(encoding="utf-8"))) for path in MODULES)
    nodes = [node for tree in trees for node in tree]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    tops = {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"napari_em_autoclass"}
    decoders = {"imagecodecs"}  # tifffile takes them from there where a file is compressed
    systems = {"aiohttp", "gcsfs", "s3fs"}  # fsspec takes what an address needs
    certificates = {"cryptography"}  # distributed makes them with it
    assert {named.get(top, top) for top in tops} == required - decoders - systems - certificates


def test_recipes_are_valid_json_with_a_schema_version() -> None:
    recipes = sorted((SOURCE / "core" / "recipes").glob("*.json"))
    assert recipes, "no recipe is packaged"
    for path in recipes:
        assert isinstance(json.loads(path.read_text(encoding="utf-8")), dict), relative(path)


def test_no_registry_is_named() -> None:
    # Whose mirror is asked is the business of the machine; a name in here would break the ones with another mirror.
    hosts = re.compile(
        "|".join(("pypi" + r"\.org", "python" + "hosted", r"download\.pytorch" + r"\.org", "anaconda" + r"\.org"))
    )
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    for name in listed.stdout.splitlines():
        path = REPOSITORY / name
        if not path.is_file():
            continue
        found = hosts.search(path.read_bytes().decode("utf-8", errors="replace"))  # pictures and weights too
        assert not found, f"{name} names {found[0] if found else ''}"
