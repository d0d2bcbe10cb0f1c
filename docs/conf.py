"""Settings of the documentation; `make docs` builds it with every warning an error."""

from pathlib import Path

import spacegrey

EXAMPLES = Path(__file__).parent.parent / "examples"

project = "Spacegrey"
author = "the authors of Spacegrey"
copyright = author
version = release = spacegrey.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "gallery/*.ipynb"]  # the gallery makes notebooks to download

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# The notebooks, run while the pages are built; they stand in the tree without their outputs.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

autodoc_typehints = "none"  # numpydoc's Parameters say the type, the unit and the range
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = f"Spacegrey {release}"
html_show_copyright = False
html_show_sourcelink = False
html_sidebars = {"[!g]*": []}  # only the gallery has pages below it
html_theme_options = {"navigation_with_keys": False, "secondary_sidebar_items": ["page-toc"]}

# The gallery: every script of examples/, run while the pages are built.
extensions.append("sphinx_gallery.gen_gallery")
sphinx_gallery_conf = {
    "examples_dirs": str(EXAMPLES),
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
}
