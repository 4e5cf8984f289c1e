from __future__ import annotations

import pytest

from devtools.cluster.variables import MissingVariableError, interpolate, required


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


def test_the_required_variables_are_found() -> None:
    assert required("${ONE:?error} ${TWO:-default} ${THREE}") == {"ONE"}
