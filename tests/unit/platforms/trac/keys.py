"""The object of TRAC that the tests select."""

from __future__ import annotations

ID = "01a1fb75-c019-71d7-8a93-232d7ad13939"
DATA = {"objectType": "DATA", "objectId": ID}
