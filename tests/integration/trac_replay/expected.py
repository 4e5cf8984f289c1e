"""Where the sandbox differs from the real TRAC, and where the hook differs from its recorded behaviour."""

from __future__ import annotations

from typing import Any

_NO_ARROW = (
    "the sandbox reads and writes only CSV and JSON, because Arrow files need a library that it does not "
    "use; so it responds as the platform responds to a format without a codec"
)

EXCEPTIONS: dict[str, dict[str, str]] = {
    "meta": {
        "platform_info": "the recorded platform was the build 0.10.1-SNAPSHOT; the sandbox is 0.10.0",
        "search depth 30": (
            "the real database worked on this query until the gateway cut the connection after 10 s; "
            "the sandbox responds at once"
        ),
    },
    "data": {
        "dataset read as application/vnd.apache.arrow.file": _NO_ARROW,
        "dataset read as application/vnd.apache.arrow.stream": _NO_ARROW,
        "download data arrow_file": _NO_ARROW,
    },
}
"""Steps that differ, by recording and name, with the reason; docs/sandbox.md has the same list."""

_IN_A_500 = (
    "the hook reads the grpc-status of a 500: 12 and 15 mean that the platform refuses the request, so the "
    "hook raises a BadRequestError and does not repeat the request"
)
_BEFORE_IT_IS_SENT = "the hook rejects the arguments before it sends a request"
_ON_ONE_LINE = "the hook shows the server's text on one line, and replaces control characters"
_BAD_REQUEST = {"err": "BadRequestError"}
_REFUSED = {"err": "InvalidArgumentError", "status": None, "msg": ""}

Change = tuple[dict[str, Any], str]

CHANGED: dict[str, dict[str, Change]] = {
    "meta": {
        "attr long 5000": (_REFUSED, _BEFORE_IT_IS_SENT),
        "attr dec 60 digits": (_REFUSED, _BEFORE_IT_IS_SENT),
        "attr dec tiny": (_REFUSED, _BEFORE_IT_IS_SENT),
        "attr dec scale 12": (_REFUSED, _BEFORE_IT_IS_SENT),
        "attr name aaaaaaaaaaaa(257)": (_REFUSED, _BEFORE_IT_IS_SENT),
        "get unknown type": (
            {"msg": ""},
            "the hook's message says that the type is unknown, not that a call is missing",
        ),
        "search nested 4": (
            _BAD_REQUEST,
            "if a search with 'any' or 'not' fails, the hook does not repeat it: the query may still run",
        ),
    },
    "data": {
        r"file name 'a\tb.txt'": (
            {
                "msg": "HTTP 400 Validation failed for [createSmallFile()]: [name] contains ASCII control "
                "characters: [a b.txt] [name]"
            },
            _ON_ONE_LINE,
        ),
        "dataset limit None offset 2": (
            {"ok": "id,name,amount,day,at,flag,ratio\n3,,,,,,\n"},
            "the hook sends a large limit with an offset, because TRAC returns no row without a limit",
        ),
        "dataset by schema key latest": (_REFUSED, _BEFORE_IT_IS_SENT),
        **dict.fromkeys(
            (
                "dataset read as application/x-parquet",
                "download data arrow",
                "download data parquet",
                "download data nope",
                "dataset bad int",
                "dataset missing col",
                "dataset extra col",
                "dataset order swapped",
                "dataset bad date",
                "dataset datetime offset",
                "dataset datetime space",
                "dataset int too big",
                "dataset latin1 bytes",
                "dataset int as 1.0",
                "dataset date with time",
                "dataset notNull null",
                "dataset json bad",
                "dataset unknown format in",
            ),
            (_BAD_REQUEST, _IN_A_500),
        ),
    },
}
"""Steps whose recorded outcome is no longer valid, because the hook was changed on purpose.

By recording and name: the changed members of the recorded outcome, and the reason.
"""
