from __future__ import annotations

import pytest

from airflow_provider_dataops.core.words import duration_in_words, size_in_words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (85_300_000, "85.3 MB"),
        (735_000, "735 kB"),
        (1_200_000_000, "1.2 GB"),
        (5e15, "5000 TB"),
    ],
)
def test_sizes(size: float, words: str) -> None:
    assert size_in_words(size) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (1.5, "2 s"), (99, "99 s"), (100, "2 min"), (5_000, "83 min"), (12_000, "3 h 20 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration_in_words(seconds) == words
