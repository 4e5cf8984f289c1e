"""Forms and queries of Quantemplate's API, from the vendor's guide and its OpenAPI reference 0.0.1."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dataops_sandbox.rules import Digits, Rules


class TokenForm(Rules):
    """The form of a token request. Keycloak checks the fields in this order."""

    grant_type: Literal["client_credentials"]
    client_id: str
    client_secret: str


class DatasetQuery(Rules):
    """The query of ``download dataset``; without ``version`` the newest version is downloaded."""

    version: Annotated[Digits, Field(lt=2**63)] | None = None
