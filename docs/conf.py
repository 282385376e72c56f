"""Sphinx configuration, https://www.sphinx-doc.org/en/master/usage/configuration.html."""

from napari_em_autoclass import __version__

project = "napari-em-autoclass"
author = copyright = "The napari-em-autoclass developers"
release = __version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "images/walk/short.md"]
html_theme = "napari_sphinx_theme"
html_title = "napari-em-autoclass"
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "footer_start": [],  # it would lead to napari's own chat and repository
    "header_links_before_dropdown": 7,
    "show_prev_next": True,
}

myst_heading_anchors = 3
numpydoc_show_class_members = False
autodoc_typehints = "none"  # the docstrings say it, with shapes
