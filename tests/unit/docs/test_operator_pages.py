"""Each operator and sensor has a page, with code from an example DAG and tables from the class."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_dataops.registry import PLATFORMS
from tests.unit.task_classes import public_task_classes

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "operators"
PAGES = {
    path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8")
    for platform in PLATFORMS
    for path in sorted((FOLDER / platform).glob("*.md"))
    if path.name != "index.md"
}
CLASSES = public_task_classes()
SECTIONS = ["When to use it", "Example", "Arguments", "Result", "Waiting and retries", "What is special"]
INCLUDE = re.compile(
    r"^```\{literalinclude\} (\S+)\n(?::.*\n)*?:start-after: \"(.+)\"\n:end-before: \"(.+)\"", re.MULTILINE
)


def title(page: str) -> str:
    return PAGES[page].partition("\n")[0].removeprefix("# ")


def quoted_code(page: str) -> list[str]:
    """Return the pieces of the example DAGs that a page shows."""
    pieces = []
    for path, start, end in INCLUDE.findall(PAGES[page]):
        file = (FOLDER / page).parent.joinpath(path).resolve()
        assert file.parent == ROOT / "example_dags"
        _, found, rest = file.read_text(encoding="utf-8").partition(start)
        assert found, f"{file.name} has no {start}"
        piece, found, _ = rest.partition(end)
        assert found, f"{file.name} has no {end} after {start}"
        pieces.append(piece)
    return pieces


def test_every_operator_and_sensor_has_one_page() -> None:
    assert sorted(map(title, PAGES)) == sorted(CLASSES)


@pytest.mark.parametrize("page", PAGES)
class TestPage:
    def test_has_the_same_sections_as_all_others(self, page: str) -> None:
        sections = re.findall(r"^## (.+)", PAGES[page], re.MULTILINE)
        assert sections in (SECTIONS, SECTIONS[:-1])

    def test_shows_code_of_an_example_dag_that_uses_the_class(self, page: str) -> None:
        code, *_ = quoted_code(page)
        assert re.search(rf"\b{title(page)}(\.partial)?\(", code)

    def test_contains_no_code_of_its_own(self, page: str) -> None:
        assert "```python" not in PAGES[page]

    def test_prints_what_the_class_declares(self, page: str) -> None:
        cls = CLASSES[title(page)]
        kind = cls.__module__.split(".")[1]
        path = f"airflow_provider_dataops.{kind}.{page.partition('/')[0]}.{cls.__name__}"
        printed = re.findall(r"^```\{(task-\w+)\} (\S+)", PAGES[page], re.MULTILINE)
        wanted = ["task-import", "task-arguments", *(["task-result"] if cls.result_keys else [])]
        assert printed == [(directive, path) for directive in wanted]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_index_lists_all_pages_of_its_platform_with_their_first_sentence(platform: str) -> None:
    index = (FOLDER / platform / "index.md").read_text(encoding="utf-8")
    pages = {page: text for page, text in PAGES.items() if page.startswith(f"{platform}/")}
    wanted = [
        f"| [{title(page)}]({page.partition('/')[2]}) | {text.splitlines()[2]} |"
        for page, text in pages.items()
    ]
    assert sorted(re.findall(r"^\| \[.*", index, re.MULTILINE)) == sorted(wanted)
    assert set(re.findall(r"^(\w+)$", index.partition("```{toctree}")[2], re.MULTILINE)) == {
        page.partition("/")[2].removesuffix(".md") for page in pages
    }
