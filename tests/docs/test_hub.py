"""What the napari hub and those who cite are told is what the package is."""

from __future__ import annotations

import re
import tomllib

import yaml
from doc_blocks import REPOSITORY
from npe2 import PluginManifest
from npe2.manifest.schema import Category

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HUB = REPOSITORY / ".napari-hub"


def test_the_summary_is_the_one_of_the_package() -> None:
    config = yaml.safe_load((HUB / "config.yml").read_text(encoding="utf-8"))
    assert config["summary"] == PROJECT["description"]
    assert [author["name"] for author in config["authors"]] == [author["name"] for author in PROJECT["authors"]]


def test_the_description_names_the_versions_that_are_needed() -> None:
    text = (HUB / "DESCRIPTION.md").read_text(encoding="utf-8")
    (napari,) = (re.search(r"[\d.]+", need) for need in PROJECT["dependencies"] if need.startswith("napari>="))
    assert napari is not None
    assert f"napari {napari[0]} or later" in text
    assert f"Python {PROJECT['requires-python'].removeprefix('>=')} or later" in text


def test_the_manifest_says_what_the_plugin_is_for() -> None:
    manifest = PluginManifest.from_file(REPOSITORY / "napari.yaml")
    assert Category.Segmentation in manifest.categories
    assert manifest.name == PROJECT["name"]


def test_the_citation_is_of_this_package() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["title"].startswith(PROJECT["name"] + ":")
    assert citation["license"] == PROJECT["license"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in PROJECT["authors"]]
