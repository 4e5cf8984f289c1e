"""What the property tests have generated in this run of pytest. ``tests/conftest.py`` prints it."""

from __future__ import annotations

from collections import Counter

#: The number of examples and steps, by what was generated.
generated: Counter[str] = Counter()
#: How often each event happened in the model of the life of a run, and how often each rule was checked.
events: Counter[str] = Counter()
rules: Counter[str] = Counter()
