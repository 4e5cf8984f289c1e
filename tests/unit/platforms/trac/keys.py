"""Objects of TRAC that the tests point at."""

from __future__ import annotations

ID = "01a1fb75-c019-71d7-8a93-232d7ad13939"
DATA = {"objectType": "DATA", "objectId": ID}
