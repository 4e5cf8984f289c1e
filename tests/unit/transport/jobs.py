"""Answers that the tests of the worker's driver have in common."""

from __future__ import annotations

import requests
from urllib3 import exceptions as low

RESET = requests.ConnectionError(low.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset")))
