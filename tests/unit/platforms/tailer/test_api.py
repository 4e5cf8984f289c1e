"""The connection to Tailer: account, environment, configurations, links."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from tests.unit.platforms.apis import tailer
from tests.unit.platforms.tailer.runs import IOWA, STORAGE, TABLES


class TestIdentity:
    @pytest.mark.parametrize("account", [99, 123456, "99", "0000999", "00009a", "\u0660" * 6, " "])
    def test_an_account_is_six_digits_as_text(self, account: Any) -> None:
        with pytest.raises(InvalidArgumentError, match=r"account must be a text of six digits .*'000099'"):
            tailer().configuration("x", "workflow", account=account)

    def test_a_number_as_account_is_shown_with_its_type(self) -> None:
        with pytest.raises(InvalidArgumentError, match=r"given: 99 \(int\)"):
            tailer().configuration("x", "workflow", account=99)  # type: ignore[arg-type]

    def test_the_connections_account_and_environment_are_the_default(self) -> None:
        assert tailer().configuration(IOWA, "table-to-table") == TABLES
        other = tailer().configuration(IOWA, "table-to-table", account="000001", environment="PROD")
        assert (other.account, other.environment) == ("000001", "PROD")

    @pytest.mark.parametrize("name", ["account", "environment"])
    def test_an_empty_account_or_environment_raises_an_error_that_asks_for_it(self, name: str) -> None:
        fields: dict[str, Any] = {name: ""}
        with pytest.raises(InvalidArgumentError, match=f"{name} is empty: .* fill in {name} in connection"):
            tailer(**fields).configuration("x", "workflow")

    @pytest.mark.parametrize("environment", ["dev", "TEST", 5])
    def test_an_environment_is_one_of_four(self, environment: Any) -> None:
        with pytest.raises(InvalidArgumentError, match="PROD, PREPROD, STAGING, DEV; given: "):
            tailer().configuration("x", "workflow", environment=environment)

    @pytest.mark.parametrize(
        ("given", "append", "sent"),
        [
            ("orders", False, "orders"),
            ("orders", True, "orders_DEV"),
            ("orders_DEV", True, "orders_DEV"),
            ("orders_PROD", True, "orders_PROD_DEV"),
            ("ordersDEV", True, "ordersDEV_DEV"),
        ],
    )
    def test_the_environment_is_appended_only_if_requested_and_missing(
        self, given: str, append: bool, sent: str
    ) -> None:
        for kind in ("table-to-table", "table-to-storage"):
            found = tailer().configuration(given, kind, append_environment=append)
            assert found.configuration_id == sent

    def test_gbq_to_gbq_is_the_old_name_of_table_to_table(self) -> None:
        assert tailer().configuration(IOWA, "gbq-to-gbq") == TABLES

    def test_only_table_to_table_configurations_have_a_known_job_id(self) -> None:
        assert TABLES.job_id == f"gbq-to-gbq|{IOWA}"
        assert STORAGE.job_id is None


class TestLinks:
    def test_lead_to_studio_because_no_page_is_documented(self) -> None:
        assert tailer().run_url(TABLES, "r") == "https://studio.tailer.ai"
        assert tailer(studio_url="https://s.example/x").run_url(TABLES, "r") == "https://s.example/x"

    def test_follow_the_connections_template(self) -> None:
        template = "https://studio.tailer.ai/{account}/{environment}/{configuration_type}/{configuration_id}/{run_id}"
        assert tailer(link_template=template).run_url(TABLES, "r/1") == (
            f"https://studio.tailer.ai/000099/DEV/table-to-table/{IOWA}/r%2F1"
        )
