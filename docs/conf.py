"""Settings of Sphinx, which builds the documentation: ``make docs``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import airflow_provider_dataops

sys.path.insert(0, str(Path(__file__).parents[1]))  # for docs._extensions

# Airflow masks each text of an example. Without this setting, it warns that PROD is too short to mask.
os.environ["AIRFLOW__LOGGING__MIN_LENGTH_MASKED_SECRET"] = "1"  # noqa: S105 - a length

project = "airflow-provider-dataops"
author = "airflow-provider-dataops maintainers"
version = release = airflow_provider_dataops.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
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
