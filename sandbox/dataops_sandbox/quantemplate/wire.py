"""The sandbox's Quantemplate on the wire.

Method, path, header, body and error of each operation follow the vendor's guide (the straight-through
example), its OpenAPI reference 0.0.1 and its own Scala client. Where these are silent the sandbox takes the
stricter reading, since a client that passes it passes the laxer one too.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from dataops_sandbox.messages import Answer, Call, DeniedError, Operation, RefusedError
from dataops_sandbox.pipeline import GZIP_MAGIC
from dataops_sandbox.quantemplate.auth import (
    TokenError,
    WrongClientError,
    read_token_form,
    token_answer,
)
from dataops_sandbox.quantemplate.store import (
    API_USER,
    ORGANISATION,
    Dataset,
    Pipeline,
    QuantemplateStore,
)

if TYPE_CHECKING:
    from dataops_sandbox.content import Content
    from dataops_sandbox.platform import World

_TOKEN = "/auth/realms/qt/protocol/openid-connect/token"  # noqa: S105 - a path
_ORGANISATION = "/external/v1/organisations/{organisation}"
_DATASET = _ORGANISATION + "/datasets/{dataset}"
_EXECUTIONS = _ORGANISATION + "/pipelines/{pipeline}/executions"
_CSV = "text/csv; charset=utf-8"
_BOM = b"\xef\xbb\xbf"
_NOT_BARE_BYTES = ("multipart/", "application/x-www-form-urlencoded", "application/json")
_INT64_MAX = 2**63 - 1


class NotFoundError(DeniedError):
    """404 with the reference's NotFound object, whose two members are both required."""

    def __init__(self, what: str, *, execution_id: str = "", output_id: str = "") -> None:
        super().__init__(404, f"{what} not found")
        self.execution_id = execution_id
        self.output_id = output_id


class Quantemplate(QuantemplateStore):
    """Quantemplate on loopback."""

    login_operations = frozenset({"get_token"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.operations = (
            Operation("get_token", "POST", _TOKEN, self._get_token),
            Operation("upload_dataset", "POST", _DATASET, self._upload_dataset),
            Operation("download_dataset", "GET", _DATASET, self._download_dataset, frozenset({"version"})),
            Operation("execute_pipeline", "POST", _EXECUTIONS, self._execute_pipeline),
            Operation("list_executions", "GET", _EXECUTIONS, self._list_executions),
            Operation(
                "download_output", "GET", _EXECUTIONS + "/{execution}/outputs/{output}", self._download_output
            ),
        )

    @property
    def base_url(self) -> str:
        """URL of the API, which the paths of the reference follow."""
        return f"{self.root}/external/v1"

    @property
    def auth_url(self) -> str:
        """URL of the token endpoint."""
        return self.root + _TOKEN

    def connection(self) -> dict[str, Any]:
        """Give host and credentials as the connection type ``quantemplate`` has them."""
        return {
            "conn_type": self.name,
            "host": self.base_url,
            "login": self.client_id,
            "password": self.client_secret,
            "extra": {"auth_url": self.auth_url, "organisation_id": ORGANISATION},
        }

    def denial(self, denied: DeniedError) -> Answer:
        """Say no: 404 and the token endpoint in JSON, all else in plain text."""
        if isinstance(denied, TokenError | WrongClientError):
            payload: object = {"error": denied.error, "error_description": denied.reason}
        elif denied.status == HTTPStatus.NOT_FOUND:
            ids = (denied.execution_id, denied.output_id) if isinstance(denied, NotFoundError) else ("", "")
            payload = {
                "executionId": {"value": ids[0]},
                "outputId": {"value": ids[1]},
                "message": denied.reason,
            }
        else:
            return Answer.of_text(denied.reason, denied.status, denied.headers)
        return Answer.of_json(payload, denied.status, denied.headers)

    def disguise(self, payload: Any, state: str) -> Any:
        """Replace the status of each execution."""
        if isinstance(payload, list):
            return [self.disguise(execution, state) for execution in payload]
        if isinstance(payload, dict) and "status" in payload:
            return {**payload, "status": state}
        return payload

    # Who may what

    def _authorise(self, call: Call) -> None:
        self.tokens.check(call.headers, self.world.timeline.now())
        if call.params["organisation"] != ORGANISATION:
            raise DeniedError(403, f"organisation {call.params['organisation']} is not open to this API user")

    def _dataset(self, call: Call) -> Dataset:
        self._authorise(call)
        dataset = self.datasets.get(call.params["dataset"])
        if dataset is None:
            raise NotFoundError(f"dataset {call.params['dataset']}")
        if not dataset.shared:
            raise DeniedError(403, f"dataset {dataset.dataset_id} is not shared with this API user")
        return dataset

    def _pipeline(self, call: Call) -> Pipeline:
        self._authorise(call)
        pipeline = self.pipelines.get(call.params["pipeline"])
        if pipeline is None:
            raise NotFoundError(f"pipeline {call.params['pipeline']}")
        if not pipeline.shared:
            raise DeniedError(403, f"pipeline {pipeline.pipeline_id} is not shared with this API user")
        for execution in pipeline.executions:
            execution.advance(self.world.timeline.now())
        return pipeline

    # The operations

    def _get_token(self, call: Call) -> Answer:
        form = read_token_form(call)
        if (form["client_id"], form["client_secret"]) != (self.client_id, self.client_secret):
            raise WrongClientError(401, "invalid client or invalid client credentials")
        token = self.tokens.issue(self.world.timeline.now(), self.token_lifetime)
        return token_answer(token, self.token_lifetime, tell_lifetime=self.tell_token_lifetime)

    def _upload_dataset(self, call: Call) -> Answer:
        dataset = self._dataset(call)
        if "Transfer-Encoding" in call.headers:
            raise RefusedError(
                411, "an upload must tell its Content-Length; chunked is not known to be accepted"
            )
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
        # What a real upload answers is not documented, and no known client reads it.
        return Answer()

    def _download_dataset(self, call: Call) -> Answer:
        dataset = self._dataset(call)
        call.no_body()
        version = call.query.get("version", str(len(dataset.versions)))
        if not re.fullmatch("[0-9]{1,19}", version) or int(version) > _INT64_MAX:
            raise RefusedError(400, f"version must be a whole number, not {version!r}")
        if not dataset.versions:
            return Answer(204)
        if not 1 <= int(version) <= len(dataset.versions):
            raise NotFoundError(f"version {version} of dataset {dataset.dataset_id}")
        return Answer(200, dataset.versions[int(version) - 1], _CSV)

    def _execute_pipeline(self, call: Call) -> Answer:
        pipeline = self._pipeline(call)
        if "Transfer-Encoding" in call.headers:
            raise RefusedError(411, "executing takes no body, not even a chunked one")
        call.no_body()
        run_id = self.start(pipeline.pipeline_id, created_by=API_USER)
        return Answer.of_json(self.execution(run_id).as_json(self.world.timeline))

    def _list_executions(self, call: Call) -> Answer:
        pipeline = self._pipeline(call)
        call.no_body()
        now = self.world.timeline.now()
        executions = [run for run in pipeline.executions if run.listed(now)]
        # The order is not documented, so it means nothing here: a client that goes by position gets it wrong.
        executions.sort(key=lambda run: hashlib.sha256(run.execution_id.encode()).digest())
        return Answer.of_json([run.as_json(self.world.timeline) for run in executions])

    def _download_output(self, call: Call) -> Answer:
        pipeline = self._pipeline(call)
        call.no_body()
        execution_id, output_id = call.params["execution"], call.params["output"]
        for execution in pipeline.executions:
            if execution.execution_id == execution_id and execution.finished_at is not None:
                for output in execution.outputs:
                    if output.output_id == output_id:
                        return Answer(200, execution.work.result()[output.position], _CSV)
        raise NotFoundError(
            f"output {output_id} of execution {execution_id}", execution_id=execution_id, output_id=output_id
        )


def _gunzipped_head(content: Content) -> bytes:
    """Give the first bytes of a gzipped file, as many as a byte-order mark has."""
    try:
        with content.open() as packed, gzip.open(packed) as stream:
            return stream.read(len(_BOM))
    except (OSError, EOFError, zlib.error) as error:
        raise DeniedError(400, f"the gzipped file cannot be read: {error}") from error
