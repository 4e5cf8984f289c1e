"""The sandbox's Toucan Toco on the wire: the Operations API.

Method, path, query, header and body of each operation follow the vendor's guide "Update with confidence" and
the vendor's own clients. Where these are silent the sandbox takes the stricter reading, since a client that
passes it passes the laxer one too. What differs between generations of the backend is a setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.jwt import make_token
from dataops_sandbox.messages import Answer, Call, DeniedError, RefusedError
from dataops_sandbox.messages import Operation as Route
from dataops_sandbox.toucan.auth import WrongLoginError, read_basic
from dataops_sandbox.toucan.form import read_form
from dataops_sandbox.toucan.runs import OPERATIONS, Operation
from dataops_sandbox.toucan.store import SmallApp, ToucanStore
from dataops_sandbox.toucan.upload import Assembly, Piece, Upload, read_piece

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dataops_sandbox.content import Content
    from dataops_sandbox.platform import World

_APP = "/{small_app}"
_STAGE = frozenset({"stage"})
_SELECTOR = frozenset({"input_domains", "functions", "output_domains"})

TRACEBACK = b"cbuiltins\nexec\n(S'raise RuntimeError(\"a pickle from a server was loaded\")'\ntR."
"""A pickle, as the real one is: who loads it runs the server's code, and is found out here."""


class Toucan(ToucanStore):
    """A Toucan Toco backend on loopback."""

    login_operations = frozenset({"login"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.operations = (
            Route("version", "GET", "/", self._version),
            Route("login", "POST", "/login", self._login),
            Route("list_small_apps", "GET", "/small-apps", self._list_small_apps),
            Route("upload", "POST", f"{_APP}/data/sources", self._upload, _STAGE | {"validation"}),
            Route("run_operations", "POST", f"{_APP}/operations", self._run_operations, _STAGE),
            Route("get_operation", "GET", f"{_APP}/operations/state/{{operation}}", self._get_operation),
            Route("preprocess", "POST", f"{_APP}/data/preprocess", self._preprocess, _STAGE),
            Route("populate", "POST", f"{_APP}/populate", self._populate, _STAGE, frozenset({"release"})),
            # Not in the guide, but in the README of the vendor's client.
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
        """Give host and credentials as the connection type ``toucan`` has them.

        :param auth_type: ``basic``, ``login`` or ``bearer``
        """
        extra = {"small_app": "product-corporation", "auth_type": auth_type}
        fields = {"conn_type": self.name, "host": self.base_url, "extra": extra}
        if auth_type == "bearer":
            extra["api_token"] = self.api_token
            return fields
        if auth_type not in ("basic", "login"):
            raise ValueError(f"auth_type must be basic, login or bearer, not {auth_type!r}")
        return {**fields, "login": self.username, "password": self.password}

    def denial(self, denied: DeniedError) -> Answer:
        """Say no in JSON with ``statusCode`` and ``message``, but for the login route's bare sentence."""
        if isinstance(denied, WrongLoginError):
            return Answer.of_text(denied.reason, denied.status)
        payload = {"statusCode": denied.status, "message": denied.reason}
        return Answer.of_json(payload, denied.status, denied.headers)

    def disguise(self, payload: Any, state: str) -> Any:
        """Replace the status of an operation."""
        return {**payload, "status": state} if isinstance(payload, dict) and "status" in payload else payload

    # Who may what

    def _check_lock(self, user: str) -> None:
        if self.failed_logins.locked(user, self.world.timeline.now()):
            raise DeniedError(
                int(self.lock_status), "Too many requests with bad credentials. Try again later."
            )

    def _is_wrong(self, user: str, password: str) -> bool:
        """Tell whether credentials are wrong, and count it if so."""
        wrong = (user, password) != (self.username, self.password)
        if wrong:
            self.failed_logins.note(user, self.world.timeline.now())
        self._check_lock(user)
        return wrong

    def _authorise(self, call: Call) -> None:
        header = call.headers.get("Authorization", "")
        if header.startswith("Basic "):
            if self._is_wrong(*read_basic(header)):
                raise DeniedError(401, "wrong username or password")
        elif header.startswith("Bearer "):
            self._check_lock(self.username)
            self.tokens.check(call.headers, self.world.timeline.now())
        else:
            raise RefusedError(401, "no Basic or Bearer credentials in the Authorization header")

    def _small_app(self, call: Call) -> SmallApp:
        self._authorise(call)
        app = self.small_apps.get(call.params["small_app"])
        if app is None:
            raise DeniedError(404, f"small app {call.params['small_app']} not found")
        return app

    def _operated(self, call: Call) -> SmallApp:
        app = self._small_app(call)
        if not app.may_operate:
            raise DeniedError(403, f"no right to update the data sources of {app.small_app_id}")
        return app

    def _read(self, call: Call) -> SmallApp:
        app = self._small_app(call)
        _stage(call)
        call.no_body()
        return app

    # The root

    def _version(self, call: Call) -> Answer:
        self._authorise(call)
        call.no_body()
        return Answer.of_json({"name": "toucan sandbox", "version": "1"})

    def _login(self, call: Call) -> Answer:
        body = call.json_object()
        if body.keys() != {"username", "password"} or not all(isinstance(v, str) for v in body.values()):
            raise RefusedError(400, f"a login has username and password, both text, not {sorted(body)}")
        if self._is_wrong(body["username"], body["password"]):
            raise WrongLoginError
        now = self.world.timeline.now()
        end = self.world.timeline.wall(now).timestamp() + self.token_lifetime
        # A number of its own makes each differ from the others of the second.
        claims = {"sub": self.username, "exp": int(end), "jti": next(self._numbers)}
        token = make_token(claims) if self.jwt_tokens else None
        return Answer.of_json({"token": self.tokens.issue(now, self.token_lifetime, token)})

    def _list_small_apps(self, call: Call) -> Answer:
        self._authorise(call)
        call.no_body()
        return Answer.of_json([self._describe(app) for app in self.small_apps.values()])

    def _describe(self, app: SmallApp) -> dict[str, Any]:
        ends = [
            self.operation(run_id).finished_at
            for run_id, one in self.submitted.items()
            if one.small_app == app.small_app_id
        ]
        last = max((end for end in ends if end is not None), default=None)
        return {
            "id": app.small_app_id,
            "name": app.small_app_id,
            "stage": "staging",
            "duplicateOf": None,
            "last_update": None if last is None else self.world.timeline.stamp(last),
        }

    # The calls of the guide

    def _upload(self, call: Call) -> Answer:
        app = self._small_app(call)
        if not app.may_upload:
            raise DeniedError(403, f"not a contributor of {app.small_app_id}")
        stage, validation = _stage(call), call.query.get("validation")
        if validation not in (None, "true", "false"):
            raise RefusedError(400, f"validation must be true or false, not {validation!r}")
        piece = read_piece(read_form(call, self.world.directory), chunk_fields=self.chunk_fields)
        content = piece.content if piece.dialect == "plain" else self._assemble(app, piece)
        if content is None:
            return Answer.of_json({})
        upload = Upload(
            small_app=app.small_app_id,
            filename=piece.filename,
            local_filename=piece.local_filename,
            content=content,
            stage=stage,
            validation=None if validation is None else validation == "true",
            dialect=piece.dialect,
            chunks=piece.count,
        )
        self.uploads.append(upload)
        operation = self._submit("upload", app, stage=stage, told={"filename": piece.filename})
        return self._accepted(operation, tell_id=self.operation_ids)

    def _assemble(self, app: SmallApp, piece: Piece) -> Content | None:
        """Give the whole file once its last chunk has come."""
        key = (app.small_app_id, piece.upload_id)
        assembly = self.assemblies.get(key) if piece.upload_id else None
        if assembly is None:
            assembly = Assembly(piece)
        assembly.add(piece)
        whole = assembly.whole(self.world.directory)
        # Kept when it is whole, too: the chunk may be sent again by one whom the answer did not reach.
        if piece.upload_id:
            self.assemblies[key] = assembly
        return whole

    def _run_operations(self, call: Call) -> Answer:
        app, stage, body = self._operated(call), _stage(call), call.json_object()
        _only(body, {"origin", "operations", "output_domains"})
        names = _texts(body, "operations")
        if not names or set(names).difference(OPERATIONS):
            raise RefusedError(400, f"operations is a list of {', '.join(OPERATIONS)}, not {names!r}")
        origin = body.get("origin")
        if "origin" in body and (not isinstance(origin, str) or not origin):
            raise RefusedError(400, f"origin must be text, not {origin!r}")
        operation = self._submit(
            "operations",
            app,
            stage=stage,
            operations=names,
            selector=_selector(body),
            told={"origin": origin},
        )
        return self._accepted(operation, tell_id=self.operation_ids)

    def _preprocess(self, call: Call) -> Answer:
        app, stage, body = self._operated(call), _stage(call), call.json_object()
        _only(body, _SELECTOR | {"async"})
        if not isinstance(body.get("async", False), bool):
            raise RefusedError(400, f"async must be true or false, not {body['async']!r}")
        operation = self._submit(
            "preprocess", app, stage=stage, selector=_selector(body), told={"async": body.get("async")}
        )
        return self._accepted(operation, tell_id=self.refresh_ids)

    def _populate(self, call: Call) -> Answer:
        app, stage, body = self._operated(call), _stage(call), call.json_object()
        _only(body, _SELECTOR)
        release = "release" in call.query
        operation = self._submit("populate", app, stage=stage, selector=_selector(body), release=release)
        return self._accepted(operation, tell_id=self.refresh_ids)

    def _release(self, call: Call) -> Answer:
        app, stage = self._operated(call), _stage(call)
        call.no_body()
        return self._accepted(self._submit("release", app, stage=stage), tell_id=self.refresh_ids)

    def _submit(self, kind: Any, app: SmallApp, **what: Any) -> Operation:
        return self.submit(kind, app.small_app_id, created_by=self.username, **what)

    def _accepted(self, operation: Operation, *, tell_id: bool) -> Answer:
        return Answer.of_json({"operation_id": operation.operation_id} if tell_id else {})

    # What can be asked

    def _get_operation(self, call: Call) -> Answer:
        app = self._small_app(call)
        call.no_body()
        if not self.state_route:
            raise DeniedError(404, "no such route")
        operation_id, now = call.params["operation"], self.world.timeline.now()
        known = self.submitted.get(operation_id)
        hidden = known is None or now < known.created_at + known.script.hidden
        if known is None or hidden or known.small_app != app.small_app_id:
            raise DeniedError(404, f"operation {operation_id} not found")
        return Answer.of_json({"status": self.operation(operation_id).status(now)})

    def _get_traceback(self, call: Call) -> Answer:
        app = self._small_app(call)
        call.no_body()
        operations = [self.operation(run_id) for run_id in self.submitted]
        if not any(
            one.small_app == app.small_app_id and one.preprocesses and one.final_status == "failed"
            for one in operations
        ):
            raise DeniedError(404, "no preprocess has failed")
        return Answer(200, TRACEBACK, "application/octet-stream")

    def _get_config(self, call: Call) -> Answer:
        app = self._read(call)
        return Answer.of_json({"id": app.small_app_id, "name": app.small_app_id})

    def _get_etl_config(self, call: Call) -> Answer:
        sources = self._read(call).data_sources
        return Answer.of_json(
            {"DATA_SOURCES": [{"domain": domain, "file": file} for domain, file in sources.items()]}
        )

    def _get_augment(self, call: Call) -> Answer:
        self._read(call)
        return Answer.of_text("def augment(dfs):\n    return dfs\n")

    def _get_metadata(self, call: Call) -> Answer:
        return Answer.of_json([{"domain": domain} for domain in self._read(call).data_sources])


def _stage(call: Call) -> str | None:
    stage = call.query.get("stage")
    if stage not in (None, "staging"):
        raise RefusedError(400, f"stage is staging or left out, not {stage!r}")
    return stage


def _only(body: Mapping[str, Any], allowed: frozenset[str] | set[str]) -> None:
    if body.keys() - allowed:
        raise RefusedError(400, f"unknown members {sorted(body.keys() - allowed)}; known: {sorted(allowed)}")


def _texts(body: Mapping[str, Any], name: str) -> list[str]:
    values = body.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise RefusedError(400, f"{name} must be an array of texts, not {values!r}")
    return values


def _selector(body: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: _texts(body, name) for name in sorted(_SELECTOR) if name in body}
