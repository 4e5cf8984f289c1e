"""The links of runs open the sandbox's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from tests.integration.bench.base import Bench


def test_the_link_of_a_run_opens_its_page(bench: Bench) -> None:
    run_id = bench.start()
    watch: Any = bench.trigger(run_id)

    page = requests.get(watch.url(bench.hook().api), timeout=5)

    assert page.status_code == 200
    assert f"<h1>{run_id}</h1>" in page.text
