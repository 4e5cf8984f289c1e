"""The limits of TRAC's gateway for one request and one response."""

from __future__ import annotations

#: The largest request body, in bytes. The gateway answered one of about 1 MiB and never answered one of 2 MB.
MAX_BODY = 1_000_000
#: The largest content of a small file, in bytes: base64 makes it longer, and the body has other fields.
MAX_CONTENT = (MAX_BODY - 20_000) // 4 * 3
#: The longest text of an attribute, in characters. A longer one gets a response 500.
MAX_TEXT = 4_096
#: The digits of a decimal attribute before and after the point. With more digits before it TRAC responds 500;
#: more digits after it are cut without an error.
MAX_DIGITS, MAX_PLACES = 21, 10
#: The maximum number of objects that a search returns. The response does not show whether there are more.
SEARCH_LIMIT = 100
