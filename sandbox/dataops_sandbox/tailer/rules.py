"""Bodies of Tailer's actions (from the vendor's page "API features") and of Google's two endpoints."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from dataops_sandbox.messages import RefusedError
from dataops_sandbox.rules import Rules, RulesT, validate_request

if TYPE_CHECKING:
    from dataops_sandbox.messages import Call

TABLE_TO_TABLE = "table-to-table"
ALIAS = "gbq-to-gbq"
"""The older name of the type ``table-to-table``. Job ids and some responses still contain the older name."""

_DEFAULT_LIMIT = 3
"""Number of items in a response if the request has no limit, as in the guide's samples."""


def _canonical(configuration_type: str) -> str:
    return TABLE_TO_TABLE if configuration_type == ALIAS else configuration_type


def _checked_day(text: str) -> str:
    if date.fromisoformat(text).isoformat() != text:
        raise ValueError("must be a date in the form YYYY-MM-DD")
    return text


Text = Annotated[str, Field(min_length=1)]
Day = Annotated[str, AfterValidator(_checked_day)]
Account = Annotated[str, Field(pattern="^[0-9]{6}$")]
Environment = Literal["PROD", "PREPROD", "STAGING", "DEV"]
Launchable = Literal["table-to-table", "gbq-to-gbq", "table-to-storage"]
Type = Literal[
    Launchable,
    "storage-to-storage",
    "storage-to-tables",
    "api-to-storage",
    "vm-launcher",
    "xml-conversion",
    "file-utilities",
    "context",
    "workflow",
]
Settable = Literal["SUCCESS", "FAILED", "RUNNING", "NO_MATCH", "CHECKED"]
Status = Literal[Settable, "WAITING", "DEACTIVATED"]


class Scope(Rules):
    """Fields that every action has. Old names of configuration types are converted to new names."""

    account: Account
    configuration_type: Annotated[Type, AfterValidator(_canonical)]

    @field_validator("*", mode="before")
    @classmethod
    def _no_null(cls, value: object) -> object:
        if value is None:
            raise ValueError("null is not allowed")
        return value


class Identity(Scope):
    """The fields that identify a configuration."""

    environment: Environment
    configuration_id: Text

    @property
    def identity(self) -> Identity:
        """The fields that identify the configuration, without the fields that a subclass adds."""
        return Identity(**self.model_dump(include=set(Identity.model_fields)))


class LaunchJob(Identity):
    """Start a run; ``execution_date`` is the logical date for the run's SQL."""

    configuration_type: Annotated[Launchable, AfterValidator(_canonical)]
    job_id: Text | None = None
    execution_date: Day | None = None


class CheckRunStatus(Identity):
    """Return the status of one run."""

    job_id: Text
    run_id: Text


class GetByStatus(Scope):
    """List the runs of a configuration type; ``execution_date`` is the date on which the runs started.

    The guide says that ``environment`` is required, but each of its examples omits ``environment``.
    Without ``environment`` the list contains the runs of all environments.
    """

    environment: Environment | None = None
    execution_date: Day | None = None
    status: Status | None = None
    limit: int = Field(_DEFAULT_LIMIT, gt=0)


class GetLastStatus(GetByStatus):
    """List the runs of one configuration."""

    environment: Environment
    configuration_id: Text
    job_id: Text | None = None


class SetRunStatus(Scope):
    """Change the status label of a run. ``environment`` is optional, because the guide's example omits it."""

    environment: Environment | None = None
    configuration_id: Text
    run_id: Text
    status: Settable


class ResetWorkflowStatus(Identity):
    """Clear a workflow's list of triggered jobs."""

    configuration_type: Literal["workflow"]


class SetConfigurationStatus(Identity):
    """Enable, disable or archive a configuration."""

    activated: bool
    archived: bool

    @model_validator(mode="after")
    def _not_both(self) -> Self:
        if self.activated and self.archived:
            raise ValueError("a configuration cannot be both activated and archived")
        return self


def read_action(call: Call, **actions: type[RulesT]) -> RulesT:
    """Return the body of a request as the model that belongs to the request's action.

    :param actions: the actions that the path allows, each with its model
    :raises RefusedError: if the path does not allow the action, or a field is missing, unknown or wrong
    """
    body = call.json_object()
    action = body.pop("action", None)
    if not isinstance(action, str) or action not in actions:
        raise RefusedError(400, f"action must be one of {sorted(actions)}, not {action!r}")
    return validate_request(actions[action], body)


class SignIn(Rules):
    """The JSON body of a sign-in at Firebase."""

    email: str
    password: str
    return_secure_token: bool = Field(alias="returnSecureToken")

    @field_validator("return_secure_token")
    @classmethod
    def _is_true(cls, value: bool) -> bool:
        if not value:
            raise ValueError("must be true: otherwise the response has no token")
        return value


class Refresh(Rules):
    """The form in which a client sends a refresh token; Google uses snake case here."""

    grant_type: str
    refresh_token: str
