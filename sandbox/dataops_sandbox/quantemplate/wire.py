"""The HTTP interface of the sandbox's Quantemplate.

Method, path, headers, body and errors of each operation follow three sources: the vendor's guide (the
straight-through example), its OpenAPI reference 0.0.1, and its Scala client. Where they leave a question
open, the sandbox is strict: a client that works with a strict server also works with a tolerant one.
"""

from __future__ import annotations

import gzip
import hashlib
import secrets
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from dataops_sandbox.messages import Answer, Call, DeniedError, Operation, RefusedError
from dataops_sandbox.pipeline import GZIP_MAGIC
from dataops_sandbox.quantemplate.auth import WRONG_CLIENT, TokenDeniedError, read_token_form
from dataops_sandbox.quantemplate.rules import DatasetQuery
from dataops_sandbox.quantemplate.store import (
    API_USER,
    ORGANISATION,
    Dataset,
    Pipeline,
    QuantemplateStore,
)
from dataops_sandbox.rules import validate_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dataops_sandbox.content import Content
    from dataops_sandbox.platform import World

SharedT = TypeVar("SharedT", Dataset, Pipeline)

_TOKEN = "/auth/realms/qt/protocol/openid-connect/token"  # noqa: S105 - a path
_ORGANISATION = "/external/v1/organisations/{organisation}"
_DATASET = _ORGANISATION + "/datasets/{dataset}"
_EXECUTIONS = _ORGANISATION + "/pipelines/{pipeline}/executions"
_DATASET_QUERY = frozenset(DatasetQuery.model_fields)
_CSV = "text/csv; charset=utf-8"
_BOM = b"\xef\xbb\xbf"
_NOT_BARE_BYTES = ("multipart/", "application/x-www-form-urlencoded", "application/json")


class NotFoundError(DeniedError):
    """A 404 whose body is the reference's NotFound object with its two required members."""

    def __init__(self, execution_id: str = "", output_id: str = "") -> None:
        super().__init__(404, "not found")
        self.payload = {"executionId": {"value": execution_id}, "outputId": {"value": output_id}}


class Quantemplate(QuantemplateStore):
    """The sandbox's Quantemplate organisation, with its token endpoint."""

    login_operations = frozenset({"get_token"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.operations = (
            Operation("get_token", "POST", _TOKEN, self._get_token),
            Operation("upload_dataset", "POST", _DATASET, self._upload_dataset),
            Operation("download_dataset", "GET", _DATASET, self._download_dataset, _DATASET_QUERY),
            Operation("execute_pipeline", "POST", _EXECUTIONS, self._execute_pipeline),
            Operation("list_executions", "GET", _EXECUTIONS, self._list_executions),
            Operation(
                "download_output", "GET", _EXECUTIONS + "/{execution}/outputs/{output}", self._download_output
            ),
        )

    @property
    def base_url(self) -> str:
        """URL of the API; append the paths of the reference."""
        return f"{self.root}/external/v1"

    @property
    def auth_url(self) -> str:
        """URL of the token endpoint."""
        return self.root + _TOKEN

    def connection(self) -> dict[str, Any]:
        """Return the connection fields: host, credentials, token URL and organisation."""
        return {
            "conn_type": self.name,
            "host": self.base_url,
            "login": self.settings.client_id,
            "password": self.settings.client_secret,
            "extra": {"auth_url": self.auth_url, "organisation_id": ORGANISATION},
        }

    def denial(self, denied: DeniedError) -> Answer:
        """Return an error response: JSON if it is a 404 or from the token endpoint, otherwise plain text."""
        if isinstance(denied, TokenDeniedError):
            payload: object = {"error": denied.error, "error_description": denied.reason}
        elif denied.status == HTTPStatus.NOT_FOUND and not isinstance(denied, RefusedError):
            payload = denied.payload if isinstance(denied, NotFoundError) else NotFoundError().payload
        else:
            return Answer.of_text(denied.reason, denied.status, denied.headers)
        return Answer.of_json(payload, denied.status, denied.headers)

    def disguise(self, payload: Any, state: str) -> Any:
        """Return the response, with the status of each execution replaced by ``state``."""
        if isinstance(payload, list):
            return [self.disguise(execution, state) for execution in payload]
        if isinstance(payload, dict) and "status" in payload:
            return {**payload, "status": state}
        return payload

    def _find_shared(self, call: Call, noun: str, known: Mapping[str, SharedT]) -> SharedT:
        """Return the dataset or pipeline that a request names in its path.

        :raises DeniedError: if the credentials are wrong, or the object is unknown or not shared
        """
        self.tokens.check(call.headers, self.world.timeline.now())
        if call.params["organisation"] != ORGANISATION:
            raise DeniedError(403, f"this API user may not use organisation {call.params['organisation']}")
        thing_id = call.params[noun]
        if thing_id not in known:
            raise NotFoundError
        if not known[thing_id].shared:
            raise DeniedError(403, f"{noun} {thing_id} is not shared with this API user")
        return known[thing_id]

    # The operations

    def _get_token(self, call: Call) -> Answer:
        form = read_token_form(call)
        settings = self.settings
        if form.client_id != settings.client_id:
            raise TokenDeniedError(401, "invalid_client", WRONG_CLIENT)
        if form.client_secret != settings.client_secret:
            raise TokenDeniedError(401, "unauthorized_client", WRONG_CLIENT)
        payload: dict[str, object] = {
            "access_token": self.tokens.issue(self.world.timeline.now(), settings.token_lifetime),
            "refresh_token": f"refresh.{secrets.token_urlsafe(16)}",
            "token_type": "Bearer",
            "not-before-policy": 0,
            "scope": "email profile",
        }
        if settings.tell_token_lifetime:
            payload["expires_in"] = int(settings.token_lifetime)
        return Answer.of_json(payload, headers={"Cache-Control": "no-store"})

    def _upload_dataset(self, call: Call) -> Answer:
        dataset = self._find_shared(call, "dataset", self.datasets)
        _check_content_length(call)
        if call.media_type.startswith(_NOT_BARE_BYTES):
            raise RefusedError(415, f"the body must be the bare bytes of the file, not {call.media_type}")
        if call.body.size == 0:
            raise RefusedError(400, "the upload is empty")
        head = call.body.head(512)
        if head.startswith(b"--") and b"form-data" in head:
            raise RefusedError(415, "the body is a multipart form; it must be the bare bytes of the file")
        if head.startswith(GZIP_MAGIC) and _gunzipped_head(call.body) == _BOM:
            raise DeniedError(400, "a gzipped CSV with a byte-order mark cannot be imported")
        self.upload(dataset.dataset_id, call.body)
        # The response body is not documented, and no known client reads it.
        return Answer()

    def _download_dataset(self, call: Call) -> Answer:
        dataset = self._find_shared(call, "dataset", self.datasets)
        call.no_body()
        version = validate_request(DatasetQuery, call.query).version
        if not dataset.versions:
            return Answer(204)
        if version is None:
            version = len(dataset.versions)
        if not 1 <= version <= len(dataset.versions):
            raise NotFoundError
        return Answer(200, dataset.versions[version - 1], _CSV)

    def _execute_pipeline(self, call: Call) -> Answer:
        pipeline = self._find_shared(call, "pipeline", self.pipelines)
        _check_content_length(call)
        call.no_body()
        run_id = self.start(pipeline.pipeline_id, created_by=API_USER)
        return Answer.of_json(self.run(run_id).as_json(self.world.timeline))

    def _list_executions(self, call: Call) -> Answer:
        pipeline = self._find_shared(call, "pipeline", self.pipelines)
        call.no_body()
        now = self.world.timeline.now()
        executions = [run for run in self.executions(pipeline.pipeline_id) if run.listed(now)]
        # The order of the list is not documented. Shuffle it, so that clients that rely on an order fail.
        executions.sort(key=lambda run: hashlib.sha256(run.run_id.encode()).digest())
        return Answer.of_json([run.as_json(self.world.timeline) for run in executions])

    def _download_output(self, call: Call) -> Answer:
        pipeline = self._find_shared(call, "pipeline", self.pipelines)
        call.no_body()
        wanted = call.params["execution"], call.params["output"]
        for run in self.executions(pipeline.pipeline_id):
            for output in run.shown:
                if (run.run_id, output.output_id) == wanted:
                    return Answer(200, run.work.result()[output.position], _CSV)
        raise NotFoundError(*wanted)


def _check_content_length(call: Call) -> None:
    if "Transfer-Encoding" in call.headers:
        raise RefusedError(411, "send the header Content-Length, because chunked bodies are not documented")


def _gunzipped_head(content: Content) -> bytes:
    """Return the first three decompressed bytes of a gzipped file, where a byte-order mark would be."""
    try:
        with content.open() as packed, gzip.open(packed) as stream:
            return stream.read(len(_BOM))
    except (OSError, EOFError, zlib.error) as error:
        raise DeniedError(400, f"the gzipped file cannot be read: {error}") from error
