from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devtools.cluster.variables import (
    MissingVariableError,
    interpolate,
    optional,
    read_env_file,
    required,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no variable", "no variable"),
        ("a ${NAME} b", "a filled b"),
        ("${OTHER}", ""),
        ("${NAME:-default}", "filled"),
        ("${OTHER:-http://host:1/path}", "http://host:1/path"),
        ("${EMPTY:-default}", "default"),
        ("${NAME:?is missing}/${NAME}", "filled/filled"),
        ('{"key": "${OTHER:-x}"}', '{"key": "x"}'),
        ("$$HOME", "$HOME"),
    ],
)
def test_variables_are_replaced_as_docker_compose_does(text: str, value: str) -> None:
    assert interpolate(text, {"NAME": "filled", "EMPTY": ""}) == value


@pytest.mark.parametrize("variables", [{}, {"NAME": ""}])
def test_the_error_names_a_variable_that_is_missing(variables: dict[str, str]) -> None:
    with pytest.raises(MissingVariableError, match="NAME is missing; copy it"):
        interpolate("${NAME:?is missing; copy it}", variables)


@pytest.mark.parametrize("text", ["$NAME", "${NAME+other}", "${NAME", "cost: 5 $"])
def test_other_uses_of_a_dollar_sign_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot read the variable"):
        interpolate(text, {"NAME": "filled"})


def test_required_and_optional_variables_are_told_apart() -> None:
    text = "${ONE:?error} ${TWO:-default} ${THREE}"
    assert required(text) == {"ONE"}
    assert optional(text) == {"TWO"}


def test_an_env_file_has_comments_empty_lines_and_values_with_equals_signs(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# comment\n\nONE=1\nTWO=a=b==\nTHREE=\n")
    assert read_env_file(file) == {"ONE": "1", "TWO": "a=b==", "THREE": ""}


def test_a_line_without_an_equals_sign_is_refused(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("ONE\n")
    with pytest.raises(ValueError, match="'ONE' is not NAME=value"):
        read_env_file(file)
