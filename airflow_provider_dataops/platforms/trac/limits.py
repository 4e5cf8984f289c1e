"""The limits of TRAC's gateway for one request and one response."""

from __future__ import annotations

#: The largest request body, in bytes. The gateway responded to about 1 MiB. It never responded to 2 MB.
MAX_BODY = 1_000_000
#: The largest content of a small file, in bytes. It is smaller than the largest body, because base64
#: makes the content longer, and the body has other fields.
MAX_CONTENT = (MAX_BODY - 20_000) // 4 * 3
#: The longest text of an attribute, in characters. TRAC responds 500 to a longer text.
MAX_TEXT = 4_096
#: The maximum numbers of digits of a decimal attribute before and after the point. With more digits before
#: the point, TRAC responds 500. TRAC cuts further digits after the point without an error.
MAX_DIGITS, MAX_PLACES = 21, 10
#: The maximum number of objects that a search returns. The response does not show whether there are more.
SEARCH_LIMIT = 100
