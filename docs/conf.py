"""Sphinx configuration, https://www.sphinx-doc.org/en/master/usage/configuration.html."""

from napari_em_autoclass import __version__

project = "napari-em-autoclass"
author = copyright = "The napari-em-autoclass developers"
release = __version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "images/walk/short.md"]
html_theme = "alabaster"
html_theme_options = {
    "description": "Classes from an unlabelled EM stack",
    "fixed_sidebar": True,
    "page_width": "1080px",
}

myst_heading_anchors = 3
numpydoc_show_class_members = False
autodoc_typehints = "none"  # the docstrings say it, with shapes
