"""Errors of the HTTP library that the tests of the worker's driver share."""

from __future__ import annotations

import requests
from urllib3 import exceptions as low

RESET = requests.ConnectionError(low.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset")))
