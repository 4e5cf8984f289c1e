"""The parts of TRAC's metadata service and orchestrator that jobs need, in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow_provider_dataops.core.http import Body, Reply, Request
from airflow_provider_dataops.errors import ApiError, TransportError, error_for_status
from airflow_provider_dataops.platforms.trac import from_wire
from tests.unit.fakes import reply
from tests.unit.platforms.trac.payloads import DATA_ID, FLOW_ID, MODEL_ID, header, tag

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = {
    "parameters": {"rate": {"paramType": {"basicType": "FLOAT"}}},
    "inputs": {"claims": {"schema": {}}},
    "outputs": {"reserves": {"schema": {}}},
}
FLOW = {
    "nodes": {
        "claims": {"nodeType": "INPUT_NODE"},
        "rate": {"nodeType": "PARAMETER_NODE"},
        "reserve": {"nodeType": "MODEL_NODE", "inputs": ["claims"], "outputs": ["reserves"]},
        "reserves": {"nodeType": "OUTPUT_NODE"},
    },
    "edges": [{"source": {"node": "rate"}, "target": {"node": "reserve", "socket": "rate"}}],
}


@dataclass
class Gateway:
    """The gateway of TRAC, in memory.

    :param objects: the newest tag of each object, by its id.
    :param jobs: the definition and attributes of each job that was submitted, by its id.
    """

    objects: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            MODEL_ID: tag(header("MODEL", MODEL_ID, 2), MODEL),
            FLOW_ID: tag(header("FLOW", FLOW_ID), FLOW),
            DATA_ID: tag(header("DATA", DATA_ID, 3), {}),
        }
    )
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    submitted: list[dict[str, Any]] = field(default_factory=list)
    on_request: Callable[[str], None] | None = None
    #: The tenant of the last request.
    tenant: str = ""
    #: How many of the next submissions get no response.
    lost: int = 0

    def answer(self, request: Request[Any]) -> Reply:
        """Handle a request and return the response."""
        self.tenant, _, call = request.path.partition("/api/v1/")[2].partition("/")
        self.sent.append(call)
        if self.on_request is not None:
            self.on_request(call)
        payload = json.loads(request.body.content) if isinstance(request.body, Body) else {}
        if call == "submit-job":
            return self._submit(payload)
        if call == "search":
            return reply(body={"searchResult": self._found(payload)})
        object_id = payload["objectId"] if call == "read-object" else call.split("/")[1]
        found = self.jobs.get(object_id) or self.objects.get(object_id)
        if found is None:
            raise error_for_status(404)("unknown", status=404)
        return reply(body=found)

    def _submit(self, payload: dict[str, Any]) -> Reply:
        self.submitted.append(payload)
        job_id = str(UUID(int=len(self.jobs) + 1))
        attrs = {a["attrName"]: from_wire(a["value"]) for a in payload["jobAttrs"]}
        kind = payload["job"]["jobType"]
        head = header("JOB", job_id)
        self.jobs[job_id] = tag(
            head, {"jobType": kind}, trac_job_type=kind, trac_job_status="RUNNING", **attrs
        )
        if self.lost:
            self.lost -= 1
            raise TransportError("reset", path="/trac-orch/api/v1/ACME_CORP/submit-job")
        return reply(body={"jobId": head, "statusCode": "QUEUED"})

    def _found(self, payload: dict[str, Any]) -> list[dict[str, Any]]:
        expression = payload.get("search", {})
        terms = [e["term"] for e in expression.get("logical", {"expr": [expression]})["expr"] if e]
        there = [*self.jobs.values(), *self.objects.values()]
        return [
            {name: value for name, value in one.items() if name != "definition"}
            for one in there
            if one["header"]["objectType"] == payload["objectType"]
            and (not terms or any(self._holds(one, term) for term in terms))
        ]

    @staticmethod
    def _holds(one: dict[str, Any], term: dict[str, Any]) -> bool:
        if term["attrName"] not in one["attrs"]:
            return False
        there, wanted = from_wire(one["attrs"][term["attrName"]]), from_wire(term["searchValue"])
        return bool(there in wanted if term["operator"] == "IN" else there == wanted)

    def set(self, object_id: str, **attrs: Any) -> None:
        """Set attributes of an object or job."""
        there = self.jobs.get(object_id) or self.objects[object_id]
        there["attrs"] |= tag(there["header"], **attrs)["attrs"]

    def end(self, job_id: str = str(UUID(int=1)), status: str = "SUCCEEDED", **attrs: Any) -> None:
        """End a job. A job that succeeded has created the objects of its type."""
        self.set(job_id, trac_job_status=status, **attrs)
        if status != "SUCCEEDED":
            return
        kind = from_wire(self.jobs[job_id]["attrs"]["trac_job_type"])
        made = "MODEL" if kind == "IMPORT_MODEL" else "DATA"
        object_id = str(UUID(int=UUID(job_id).int + 1000))
        named = {} if made == "MODEL" else {"trac_job_output": "reserves"}
        self.objects[object_id] = tag(
            header(made, object_id),
            MODEL if made == "MODEL" else {},
            trac_create_job=f"JOB-{job_id}-v1",
            **named,
        )

    def allow_only(self, *calls: str) -> None:
        """Let every request fail except for these calls."""

        def fail(call: str) -> None:
            if not call.startswith(calls):
                raise ApiError(f"unexpected request: {call}", status=500)

        self.on_request = fail
