"""How much fits into one message to TRAC's gateway, and into one answer."""

from __future__ import annotations

#: The gateway never answered a request of 2 MB and answered one of about 1 MiB: the most we send, in bytes.
MAX_BODY = 1_000_000
#: What fits into one message as base64, with room for everything else in it, in bytes.
MAX_CONTENT = (MAX_BODY - 20_000) // 4 * 3
#: A longer text in an attribute ends in a 500, in characters.
MAX_TEXT = 4_096
#: A decimal in an attribute with more digits before the point ends in a 500; more places are cut in silence.
MAX_DIGITS, MAX_PLACES = 21, 10
#: A search never returns more objects, and does not report that it left any out.
SEARCH_LIMIT = 100
