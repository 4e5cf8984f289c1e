"""Airflow's page of connections, as a user works with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

    from playwright.sync_api import Locator, Page, Response

    from devtools.airflow_client import AirflowClient

STANDARD = ("description", "host", "login", "password", "port", "schema")


def delete_all(airflow: AirflowClient) -> None:
    """Delete all connections that the UI lists."""
    for stored in airflow.list_all("/connections", "connections"):
        airflow.request("DELETE", f"/connections/{stored['connection_id']}")


class ConnectionForm:
    """The dialogue that adds or edits a connection.

    :param fields: the extra fields, as the UI gets them: each has a JSON schema.
    """

    def __init__(self, page: Page, fields: Mapping[str, Any]) -> None:
        self.page = page
        self.dialogue = page.get_by_role("dialog")
        self.fields = fields

    def open_section(self, name: str) -> None:
        """Open a section. The UI closes the other one."""
        section = self.dialogue.get_by_role("button", name=name, exact=True)
        if section.get_attribute("aria-expanded") != "true":
            section.click()
        expect(section).to_have_attribute("aria-expanded", "true")

    def open(self, conn_id: str, type_name: str) -> None:
        """Open the empty form of a connection type."""
        self.page.get_by_role("button", name="Add Connection").click()
        self.dialogue.get_by_label("Connection ID").fill(conn_id)
        self._choose(self.dialogue.get_by_label("Connection Type"), type_name)

    def fill(self, values: Mapping[str, Any]) -> None:
        """Set the values of standard fields, then of extra fields."""
        standard = {name: value for name, value in values.items() if name in STANDARD}
        extra = {name: value for name, value in values.items() if name not in STANDARD}
        if standard:
            self.open_section("Standard Fields")
        for name, value in standard.items():
            self.dialogue.locator(f"[name={name}]").fill(str(value))
        if extra:
            self.open_section("Extra Fields")
        for name, value in extra.items():
            self._set(name, value)

    def save(self) -> None:
        """Press Save, and wait until the list has the new values: the Test button sends those."""
        with self.page.expect_response(_is_list):
            self.dialogue.get_by_role("button", name="Save").click()
        expect(self.dialogue).to_be_hidden()

    def _set(self, name: str, value: Any) -> None:
        schema = self.fields[name]["schema"]
        field = self.dialogue.locator(f"[name=element_{name}]")
        if "enum" in schema:
            self._choose(self.dialogue.locator(f"#element_{name}").get_by_role("combobox"), value)
            expect(field).to_have_value(value)
        elif isinstance(value, bool):
            # The field itself is invisible. A user clicks the switch that represents it.
            if field.is_checked() != value:
                self.dialogue.locator(f"[id='switch:element_{name}']").click()
            expect(field).to_be_checked(checked=value)
        else:
            field.fill(str(value))

    def _choose(self, combobox: Locator, option: str) -> None:
        combobox.fill(option)
        self.page.get_by_role("option", name=option, exact=True).click()


class ConnectionsPage:
    """The list of connections.

    :param forms: the descriptions of the forms by connection type, as the UI gets them.
    """

    def __init__(self, page: Page, forms: Mapping[str, Any]) -> None:
        self.page = page
        self.forms = forms

    def open(self) -> None:
        """Open the list by its URL, without messages about what happened before."""
        self.page.goto("/connections")

    def open_from_menu(self) -> None:
        """Open the list from the menu."""
        self.page.goto("/")
        self.page.get_by_role("button", name="Admin").click()
        self.page.get_by_role("menuitem", name="Connections").click()

    def form(self, conn_type: str) -> ConnectionForm:
        """Return the form of a connection type; it is not open yet."""
        return ConnectionForm(self.page, self.forms[conn_type]["extra_fields"])

    def row(self, conn_id: str) -> Locator:
        """Return the row of a connection."""
        return self.page.get_by_role("row").filter(
            has=self.page.get_by_role("cell", name=conn_id, exact=True)
        )

    def edit(self, conn_id: str, conn_type: str, values: Mapping[str, Any]) -> None:
        """Change some fields of a stored connection."""
        self.row(conn_id).get_by_role("button", name="Edit Connection").click()
        form = self.form(conn_type)
        form.fill(values)
        form.save()

    def test(self, conn_id: str) -> dict[str, Any]:
        """Press Test, and return the result that the UI gets."""
        with self.page.expect_response("**/api/v2/connections/test") as answer:
            self.row(conn_id).get_by_role("button", name="Test Connection").click()
        result: dict[str, Any] = answer.value.json()
        return result

    def icon(self, conn_id: str, colour: str) -> Locator:
        """Return the icon of the Test button if it has a colour: green after success, red after failure."""
        button = self.row(conn_id).get_by_role("button", name="Test Connection")
        return button.locator(f"svg[color={colour}]")

    def message(self, title: str, cause: re.Pattern[str]) -> Locator:
        """Wait for the message about a test that has this title and names the cause, and keep it."""
        message = self.page.get_by_role("status").filter(has_text=title).filter(has_text=cause)
        # A message vanishes after five seconds, but not while the mouse is on it.
        message.hover()
        expect(self.page.get_by_role("tooltip")).to_have_count(0)
        return message


def _is_list(response: Response) -> bool:
    return response.request.method == "GET" and "/api/v2/connections?" in response.url
