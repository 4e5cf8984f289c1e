"""Settings of Sphinx, which builds the documentation: ``make docs``."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import structlog

import airflow_provider_dataops
import airflow_provider_dataops.triggers.base  # Airflow sets up its logging here

sys.path.insert(0, str(Path(__file__).parents[1]))  # for docs._extensions

# Airflow warns that it does not mask texts of fewer than five characters, such as PROD in an example.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))

project = "airflow-provider-dataops"
author = "airflow-provider-dataops maintainers"
version = release = airflow_provider_dataops.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "docs._extensions.configuration",
    "docs._extensions.connection",
    "docs._extensions.task_pages",
]
html_theme = "furo"
html_title = f"{project} {release}"
exclude_patterns = ["_extensions"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "fully-qualified"
