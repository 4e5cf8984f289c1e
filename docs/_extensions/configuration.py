"""The directive ``configuration``: it prints the settings that this provider adds to Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sphinx.util.docutils import SphinxDirective

from airflow_provider_dataops.provider_info import get_provider_info

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx


def settings_text() -> str:
    """Return the description of all settings, in Markdown."""
    lines: list[str] = []
    for section, content in get_provider_info()["config"].items():
        for name, option in content["options"].items():
            lines += [
                f"**`[{section}] {name}`**",
                "",
                f"{option['description']}",
                "",
                f"Type: {option['type']}. Default: `{option['default']}`.",
                f"Environment variable: `AIRFLOW__{section.upper()}__{name.upper()}`.",
                f"Added in {option['version_added']}.",
                "",
            ]
    return "\n".join(lines)


class ConfigurationDirective(SphinxDirective):
    """Print a paragraph for each setting."""

    def run(self) -> list[nodes.Node]:
        """Return the paragraphs."""
        return list(self.parse_text_to_nodes(settings_text()))


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive to Sphinx."""
    app.add_directive("configuration", ConfigurationDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
