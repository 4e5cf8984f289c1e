"""The rules of the package: which module may import which, which names are allowed, how long a file is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import airflow_provider_dataops
from airflow_provider_dataops.registry import PLATFORMS

PACKAGE = airflow_provider_dataops.__name__
ROOT = Path(airflow_provider_dataops.__file__).parent
ROLES = ("tasks", "hooks", "operators", "sensors", "triggers", "links", "task_groups")
#: The layers from the inside to the outside. A folder may import the layers before its own. It may also
#: import folders of its own layer, except in the middle layer.
LAYERS = (
    {"errors", "exceptions"},
    {"core"},
    {"lifecycle", "transport", "platforms"},
    {"polling", "files", "adapters"},
    {*ROLES, "assets", "lineage", "ui", "registry", "provider_info"},
)
APART = LAYERS[2]
#: The parsed modules of the package, by their path without the extension.
FILES = {
    path.relative_to(ROOT).with_suffix("").as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(ROOT.rglob("*.py"))
}


def imports(tree: ast.AST) -> list[tuple[ast.stmt, str]]:
    """Return the import statements of a module with the modules that they name."""
    return [
        (node, name)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    ]


def folder_of(module: str) -> str:
    return re.split(r"[./]", module.removeprefix(f"{PACKAGE}."))[0]


def layer_of(name: str) -> int:
    return next(number for number, folders in enumerate(LAYERS) if name in folders)


@pytest.mark.parametrize("path", [path for path in FILES if "/" in path])
def test_imports_point_inwards(path: str) -> None:
    folder = folder_of(path)
    for _, module in imports(FILES[path]):
        if not module.startswith(f"{PACKAGE}."):
            continue
        imported_folder = folder_of(module)
        assert layer_of(imported_folder) <= layer_of(folder), f"{path} imports {module} from an outer layer"
        if folder != imported_folder:
            assert not {folder, imported_folder} <= APART, (
                f"{path} imports {module}: both may import only core"
            )


@pytest.mark.parametrize("path", [path for path in FILES if path.startswith("platforms/")])
def test_a_platform_imports_no_other_platform(path: str) -> None:
    folder = path.split("/")[1]
    for _, module in imports(FILES[path]):
        if module.startswith(f"{PACKAGE}.platforms."):
            assert module.split(".")[2] == folder, f"{path} imports {module}"


#: The registry, the provider's metadata, the public names of the task groups, and a platform's own modules
#: may name platforms.
SHARED = [
    path
    for path in FILES
    if path not in {"registry", "provider_info", "task_groups/__init__"}
    and not set(path.split("/")) & set(PLATFORMS)
]


@pytest.mark.parametrize("path", SHARED)
def test_shared_code_names_no_platform(path: str) -> None:
    names = {node.id for node in ast.walk(FILES[path]) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(FILES[path]) if isinstance(node, ast.Attribute)}
    words = {word for name in names for word in re.findall(r"[a-z]+", name.lower())}
    modules = {part for _, module in imports(FILES[path]) for part in module.split(".")}
    assert not (words | modules) & set(PLATFORMS)


def deferred(path: str) -> list[str]:
    """Return the modules that are imported inside functions."""
    functions = [n for n in ast.walk(FILES[path]) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [module for function in functions for _, module in imports(function)]


def test_few_imports_are_deferred() -> None:
    found = {path: deferred(path) for path in FILES if folder_of(path) in ROLES}
    assert sum(map(len, found.values())) < 40
    for path, modules in found.items():
        if set(path.split("/")) & set(PLATFORMS):
            assert modules == [], f"{path}: only the base classes may import in functions"


def test_only_the_registry_imports_modules_by_name() -> None:
    users = {
        path
        for path, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
        and (node.id if isinstance(node, ast.Name) else node.attr)
        in {"import_module", "import_string", "__import__"}
    }
    assert users == {"registry"}


def test_only_one_module_imports_openlineage_and_no_module_imports_it_at_the_top() -> None:
    """The import takes over a second, and would slow down each DAG file."""
    ours = f"{PACKAGE}.lineage.openlineage"
    for path, tree in FILES.items():
        found = [module for _, module in imports(tree)]
        names_it = any(
            module.startswith(("openlineage", "airflow.providers.openlineage")) for module in found
        )
        assert names_it == (path == "lineage/openlineage"), path
        assert found.count(ours) == deferred(path).count(ours), path


#: Statements with a branch or a loop.
_DECIDES = (ast.If, ast.IfExp, ast.For, ast.While, ast.Try, ast.Match, ast.BoolOp, ast.comprehension)
TESTS = Path(__file__).parent


def decides(tree: ast.AST) -> bool:
    """Return whether a module has a function with a branch or a loop."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return any(isinstance(node, _DECIDES) for function in functions for node in ast.walk(function))


#: One simulation tests the modules of `lifecycle` together: its test files are named after what happens.
WITH_LOGIC = [path for path in FILES if decides(FILES[path]) and folder_of(path) != "lifecycle"]


@pytest.mark.parametrize("path", WITH_LOGIC)
def test_a_module_with_logic_has_a_test_file_of_its_name(path: str) -> None:
    folder, _, name = path.rpartition("/")
    assert (TESTS / folder / f"test_{name.strip('_')}.py").is_file()


#: Modules and functions that execute their input, or start a shell.
RUNS = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "joblib",
    "yaml",
    "subprocess",
    "eval",
    "exec",
    "compile",
    "system",
}


@pytest.mark.parametrize("path", FILES)
def test_no_module_can_execute_what_a_server_sends(path: str) -> None:
    assert not {module.split(".")[0] for _, module in imports(FILES[path])} & RUNS
    calls = [node.func for node in ast.walk(FILES[path]) if isinstance(node, ast.Call)]
    # `re.compile` is an attribute, the built-in functions are names.
    assert not {call.id for call in calls if isinstance(call, ast.Name)} & RUNS
    assert not {call.attr for call in calls if isinstance(call, ast.Attribute)} & (RUNS - {"compile"})


@pytest.mark.parametrize("path", FILES)
def test_a_file_has_at_most_400_lines(path: str) -> None:
    assert len((ROOT / f"{path}.py").read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", FILES)
def test_no_module_imports_a_private_name_of_another(path: str) -> None:
    for node, module in imports(FILES[path]):
        if isinstance(node, ast.ImportFrom) and module.startswith(PACKAGE):
            private = [alias.name for alias in node.names if alias.name.startswith("_")]
            assert not private, f"{path} imports {private} from {module}"


#: Words that do not describe the value. Better words are ``payload``, ``response`` or ``remaining``.
VAGUE = {"told", "given", "left", "judged"}


@pytest.mark.parametrize("path", FILES)
def test_no_variable_has_a_vague_name(path: str) -> None:
    names = {node.id for node in ast.walk(FILES[path]) if isinstance(node, ast.Name)}
    names |= {node.arg for node in ast.walk(FILES[path]) if isinstance(node, ast.arg)}
    assert not names & VAGUE


def test_no_two_classes_of_the_package_share_a_name() -> None:
    classes = [
        (node.name, path)
        for path, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    twins = {name for name, path in classes if sum(other == name for other, _ in classes) > 1}
    # Two platforms have an object of this name, which the hooks return.
    assert twins <= {"JobStatus"}
