"""Settings of the site: `make site` puts the lessons beside the pages of this folder and calls Sphinx."""

import os
import sys
from pathlib import Path

ROOT = Path(os.environ["ZARR_NOTEBOOKS"])
sys.path.insert(0, str(ROOT))

from tools.readme import PLACEHOLDER, repository  # noqa: E402

project = "Zarr Notebooks"
author = "the authors of Zarr Notebooks"
language = "en"
extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["README.md"]
suppress_warnings = ["mystnb.unknown_mime_type"]

# Outputs are those that `make render` stored and `make test` compared.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_validation_checks: set[str] = set()
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "Zarr Notebooks"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_theme_options = {
    "show_prev_next": True,
    "navbar_persistent": ["search-button"],  # the field's own label hides its words from screen readers
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc", "launch"],
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": []}
html_show_sourcelink = False
html_copy_source = False
project_copyright = "the authors of Zarr Notebooks: code BSD-3-Clause, prose and pictures CC BY 4.0"
templates_path = ["_templates"]
html_context = {"repository": "" if PLACEHOLDER in repository() else repository()}
