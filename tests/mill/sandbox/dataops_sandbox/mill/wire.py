"""The HTTP interface of the sandbox's Mill. It is written from docs/mill.md, not from the hook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.messages import Answer, Call, DeniedError, Operation, RefusedError
from dataops_sandbox.mill.store import Batch, MillStore
from dataops_sandbox.rules import Rules, validate_request

if TYPE_CHECKING:
    from dataops_sandbox.platform import World

_LISTED = 100


class NewBatch(Rules):
    """The body of ``run recipe``."""

    recipe: str


class Mill(MillStore):
    """The sandbox's Mill: a store of batches with an HTTP interface."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        batch = "/v1/batches/{batch}"
        self.operations = (
            Operation("run_recipe", "POST", "/v1/batches", self._run_recipe),
            Operation("list_batches", "GET", "/v1/batches", self._list_batches, frozenset({"recipe"})),
            Operation("get_batch", "GET", batch, self._get_batch),
            Operation("cancel_batch", "POST", f"{batch}/cancel", self._cancel_batch),
        )

    @property
    def base_url(self) -> str:
        """URL of the API."""
        return self.root

    def connection(self) -> dict[str, Any]:
        """Return the connection fields: host and API key."""
        return {"conn_type": self.name, "host": self.base_url, "password": self.settings.api_key, "extra": {}}

    def denial(self, denied: DeniedError) -> Answer:
        """Return an error response: JSON with ``error``."""
        return Answer.of_json({"error": denied.reason}, denied.status, denied.headers)

    def disguise(self, payload: Any, state: str) -> Any:
        """Return the response with the state of each batch replaced."""
        if isinstance(payload, dict) and "batches" in payload:
            return {"batches": [self.disguise(batch, state) for batch in payload["batches"]]}
        return {**payload, "state": state} if isinstance(payload, dict) and "state" in payload else payload

    def _authorise(self, call: Call) -> None:
        if "X-API-Key" not in call.headers:
            raise RefusedError(401, "no X-API-Key header")
        if call.headers["X-API-Key"] != self.settings.api_key:
            raise DeniedError(401, "this API key is not valid")

    def _shown(self) -> list[Batch]:
        """Return the batches that the API shows, newest first."""
        now = self.world.timeline.now()
        return [batch for batch in reversed(self.all()) if now >= batch.created_at + batch.script.hidden]

    def _known(self, call: Call) -> Batch:
        self._authorise(call)
        call.no_body()
        for batch in self._shown():
            if batch.run_id == call.params["batch"]:
                return batch
        raise DeniedError(404, f"there is no batch {call.params['batch']}")

    def _respond(self, batch: Batch, status: int = 200) -> Answer:
        return Answer.of_json(batch.as_json(self.world.timeline), status)

    def _run_recipe(self, call: Call) -> Answer:
        self._authorise(call)
        recipe = validate_request(NewBatch, call.json_object()).recipe
        if recipe not in self.recipes:
            raise DeniedError(404, f"there is no recipe {recipe!r}")
        return self._respond(self.run(self.start(recipe, created_by="api")), 201)

    def _list_batches(self, call: Call) -> Answer:
        self._authorise(call)
        call.no_body()
        recipe = call.query.get("recipe")
        batches = [batch for batch in self._shown() if recipe in (None, batch.resource)]
        return Answer.of_json(
            {"batches": [batch.as_json(self.world.timeline) for batch in batches[:_LISTED]]}
        )

    def _get_batch(self, call: Call) -> Answer:
        return self._respond(self._known(call))

    def _cancel_batch(self, call: Call) -> Answer:
        batch = self._known(call)
        batch.cancel(self.world.timeline.now())
        return self._respond(batch, 202)
