"""The HTTP interface of the sandbox's Toucan Toco: the Operations API.

Method, path, query, headers and body of each operation follow the vendor's guide "Update with confidence" and
the vendor's own clients. Where they leave a question open, the sandbox is strict: a client that works with a
strict server also works with a tolerant one. Settings choose between features of old and new backends.
"""

from __future__ import annotations

import pickle
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

import jwt

from dataops_sandbox.messages import Answer, Call, DeniedError, RefusedError
from dataops_sandbox.messages import Operation as Route
from dataops_sandbox.rules import validate_request
from dataops_sandbox.toucan.auth import WrongLoginError, read_basic
from dataops_sandbox.toucan.form import read_form
from dataops_sandbox.toucan.rules import Login, OperationList, Preprocess, Query, Selector, Work
from dataops_sandbox.toucan.store import SmallApp, ToucanStore
from dataops_sandbox.toucan.upload import Assembly, Dropzone, Upload, read_upload

if TYPE_CHECKING:
    from dataops_sandbox.content import Content
    from dataops_sandbox.platform import World
    from dataops_sandbox.toucan.runs import Kind, Operation

_APP = "/{small_app}"
_STAGE = frozenset({"stage"})


class _Traceback:
    """A traceback as the backend pickles it.

    A client that loads a pickle runs code that the server chose. The code in this pickle raises an error. So
    if a client loads it, the test fails.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"raise RuntimeError({'a pickle from a server was loaded: ' + self._text!r})",)


class Toucan(ToucanStore):
    """The sandbox's Toucan Toco backend."""

    login_operations = frozenset({"login"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        operations = partial(self._work, "operations", OperationList)
        preprocess = partial(self._work, "preprocess", Preprocess)
        populate = partial(self._work, "populate", Selector)
        self.operations = (
            Route("version", "GET", "/", self._version),
            Route("login", "POST", "/login", self._login),
            Route("list_small_apps", "GET", "/small-apps", self._list_small_apps),
            Route("upload", "POST", f"{_APP}/data/sources", self._upload, _STAGE | {"validation"}),
            Route("run_operations", "POST", f"{_APP}/operations", operations, _STAGE),
            Route("get_operation", "GET", f"{_APP}/operations/state/{{operation}}", self._get_operation),
            Route("preprocess", "POST", f"{_APP}/data/preprocess", preprocess, _STAGE),
            Route("populate", "POST", f"{_APP}/populate", populate, _STAGE, frozenset({"release"})),
            # The guide does not document this route. The README of the vendor's client documents it.
            Route("release", "POST", f"{_APP}/data/release", self._release, _STAGE),
            Route("get_traceback", "GET", f"{_APP}/tracebacks/latest", self._get_traceback),
            Route("get_config", "GET", f"{_APP}/config", self._get_config, _STAGE),
            Route("get_etl_config", "GET", f"{_APP}/config/etl", self._get_etl_config, _STAGE),
            Route("get_augment", "GET", f"{_APP}/config/augment", self._get_augment, _STAGE),
            Route("get_metadata", "GET", f"{_APP}/metadata", self._get_metadata, _STAGE),
        )

    @property
    def base_url(self) -> str:
        """URL of the backend."""
        return self.root

    def connection(self, auth_type: str = "basic") -> dict[str, Any]:
        """Return the connection fields: host, credentials and small app.

        :param auth_type: ``basic``, ``login`` or ``bearer``
        """
        extra = {"small_app": "product-corporation", "auth_type": auth_type}
        fields = {"conn_type": self.name, "host": self.base_url, "extra": extra}
        if auth_type == "bearer":
            extra["api_token"] = self.settings.api_token
            return fields
        if auth_type not in ("basic", "login"):
            raise ValueError(f"auth_type must be basic, login or bearer, not {auth_type!r}")
        return {**fields, "login": self.settings.username, "password": self.settings.password}

    def denial(self, denied: DeniedError) -> Answer:
        """Return an error response: JSON with ``statusCode`` and ``message``; plain text at the login."""
        if isinstance(denied, WrongLoginError):
            return Answer.of_text(denied.reason, denied.status)
        payload = {"statusCode": denied.status, "message": denied.reason}
        return Answer.of_json(payload, denied.status, denied.headers)

    def disguise(self, payload: Any, state: str) -> Any:
        """Return the response, with the status of the operation replaced by ``state``."""
        return {**payload, "status": state} if isinstance(payload, dict) and "status" in payload else payload

    # Credentials and rights

    def _check_lock(self, user: str) -> None:
        if self.failed_logins.locked(user, self.world.timeline.now()):
            raise DeniedError(
                self.settings.lock_status, "Too many requests with bad credentials. Try again later."
            )

    def _is_wrong(self, user: str, password: str) -> bool:
        """Return whether the credentials are wrong. A wrong attempt counts before the lock is checked."""
        wrong = (user, password) != (self.settings.username, self.settings.password)
        if wrong:
            self.failed_logins.note(user, self.world.timeline.now())
        self._check_lock(user)
        return wrong

    def _authorise(self, call: Call) -> None:
        header = call.headers.get("Authorization", "")
        match header.partition(" ")[0].lower():
            case "basic":
                if self._is_wrong(*read_basic(header)):
                    raise DeniedError(401, "wrong username or password")
            case "bearer":
                self._check_lock(self.settings.username)
                self.tokens.check(call.headers, self.world.timeline.now())
            case _:
                raise RefusedError(401, "no Basic or Bearer credentials in the Authorization header")

    def _small_app(self, call: Call) -> SmallApp:
        self._authorise(call)
        app = self.small_apps.get(call.params["small_app"])
        if app is None:
            raise DeniedError(404, f"small app {call.params['small_app']} not found")
        return app

    def _small_app_to_operate(self, call: Call) -> SmallApp:
        app = self._small_app(call)
        if not app.may_operate:
            raise DeniedError(403, f"no right to update the data sources of {app.small_app_id}")
        return app

    def _small_app_to_read(self, call: Call) -> SmallApp:
        app = self._small_app(call)
        validate_request(Query, call.query)
        call.no_body()
        return app

    # The root

    def _version(self, call: Call) -> Answer:
        self._authorise(call)
        call.no_body()
        return Answer.of_json({"name": "toucan sandbox", "version": "1"})

    def _login(self, call: Call) -> Answer:
        login = validate_request(Login, call.json_object())
        if self._is_wrong(login.username, login.password):
            raise WrongLoginError
        now, lifetime, token = self.world.timeline.now(), self.settings.token_lifetime, None
        if self.settings.jwt_tokens:
            end = self.world.timeline.wall(now).timestamp() + lifetime
            # All other claims are equal in two tokens of the same second; ``jti`` makes the tokens differ.
            claims = {"sub": login.username, "exp": int(end), "jti": secrets.token_hex(8)}
            # Nothing needs the key later: the sandbox remembers its tokens, and never checks a signature.
            token = jwt.encode(claims, secrets.token_bytes(32))
        return Answer.of_json({"token": self.tokens.issue(now, lifetime, token)})

    def _list_small_apps(self, call: Call) -> Answer:
        self._authorise(call)
        call.no_body()
        return Answer.of_json([self._describe(app) for app in self.small_apps.values()])

    def _describe(self, app: SmallApp) -> dict[str, Any]:
        ends = [one.finished_at or 0 for one in self.ended(app.small_app_id)]
        return {
            "id": app.small_app_id,
            "name": app.small_app_id,
            "stage": "staging",
            "duplicateOf": None,
            "last_update": self.world.timeline.stamp(ends[-1]) if ends else None,
        }

    # Operations of the guide

    def _upload(self, call: Call) -> Answer:
        app = self._small_app(call)
        if not app.may_upload:
            raise DeniedError(403, f"not a contributor of {app.small_app_id}")
        query = validate_request(Query, call.query)
        form = read_upload(read_form(call, self.world.directory), chunk_fields=self.settings.chunk_fields)
        content: Content | None = form.file.content
        chunks = 1
        if isinstance(form, Dropzone):
            content, chunks = self._assemble(app, form), form.count
        if content is None:
            return Answer.of_json({})
        self.uploads.append(
            Upload(
                small_app=app.small_app_id,
                filename=form.filename,
                local_filename=form.file.filename or "",
                content=content,
                stage=query.stage,
                validation=False if query.validation else None,
                dialect=form.dialect,
                chunks=chunks,
            )
        )
        details = {"filename": form.filename}
        operation = self.submit(
            "upload", app.small_app_id, query.stage, filename=form.filename, details=details
        )
        return self._accepted(operation)

    def _assemble(self, app: SmallApp, chunk: Dropzone) -> Content | None:
        """Return the file if all its chunks have arrived; otherwise ``None``."""
        # Keep the chunks of a complete file: a client that got no response sends the last chunk again.
        assembly = self.assemblies.setdefault((app.small_app_id, chunk.upload_id), Assembly())
        assembly.add(chunk)
        return assembly.whole(self.world.directory)

    def _work(self, kind: Kind, rules: type[Work], call: Call) -> Answer:
        app, query = self._small_app_to_operate(call), validate_request(Query, call.query)
        what = validate_request(rules, call.json_object()).operation_fields()
        release = query.release is not None
        return self._accepted(self.submit(kind, app.small_app_id, query.stage, release=release, **what))

    def _release(self, call: Call) -> Answer:
        app, query = self._small_app_to_operate(call), validate_request(Query, call.query)
        call.no_body()
        return self._accepted(self.submit("release", app.small_app_id, query.stage))

    def _accepted(self, operation: Operation) -> Answer:
        partial_run = operation.kind not in ("upload", "operations")
        has_id = self.settings.refresh_ids if partial_run else self.settings.operation_ids
        return Answer.of_json({"operation_id": operation.run_id} if has_id else {})

    # Routes that read

    def _get_operation(self, call: Call) -> Answer:
        app = self._small_app(call)
        call.no_body()
        if not self.settings.state_route:
            raise DeniedError(404, "no such route")
        operation, now = self.started.get(call.params["operation"]), self.world.timeline.now()
        if (
            operation is None
            or operation.small_app != app.small_app_id
            or now < operation.created_at + operation.script.hidden
        ):
            raise DeniedError(404, f"operation {call.params['operation']} not found")
        operation.advance(now)
        return Answer.of_json(operation.as_json(now))

    def _get_traceback(self, call: Call) -> Answer:
        app = self._small_app(call)
        call.no_body()
        texts = [one.script.traceback for one in self.ended(app.small_app_id) if one.left_traceback]
        if not texts:
            raise DeniedError(404, "no preprocess has failed")
        return Answer(200, pickle.dumps(_Traceback(texts[-1])), "application/octet-stream")

    def _get_config(self, call: Call) -> Answer:
        app = self._small_app_to_read(call)
        return Answer.of_json({"id": app.small_app_id, "name": app.small_app_id})

    def _get_etl_config(self, call: Call) -> Answer:
        sources = self._small_app_to_read(call).data_sources
        return Answer.of_json(
            {"DATA_SOURCES": [{"domain": domain, "file": file} for domain, file in sources.items()]}
        )

    def _get_augment(self, call: Call) -> Answer:
        self._small_app_to_read(call)
        return Answer.of_text("def augment(dfs):\n    return dfs\n")

    def _get_metadata(self, call: Call) -> Answer:
        return Answer.of_json([{"domain": domain} for domain in self._small_app_to_read(call).data_sources])
