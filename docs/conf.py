"""Settings of Sphinx, which builds the documentation: ``make docs``."""

from __future__ import annotations

import airflow_provider_dataops

project = "airflow-provider-dataops"
author = "airflow-provider-dataops maintainers"
version = release = airflow_provider_dataops.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"{project} {release}"
exclude_patterns = ["_extensions"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
