"""Rules for our own code that ruff cannot state, read off the syntax trees."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import wellread

FORBIDDEN_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
FORBIDDEN_MODULES |= {"_pickle", "_marshal", "yaml"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}


def dangers(source: str) -> Iterator[str]:
    """Everything in `source` that could run code read from data."""
    tree = ast.parse(source)
    aliases = dict(_aliases(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (n.name for n in names if n.name.split(".")[0] in FORBIDDEN_MODULES)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in FORBIDDEN_MODULES:
                yield module
            case ast.Call():
                yield from _dangers_of_call(node, aliases)
            case ast.keyword(arg="typ", value=value) if _is(value, "unsafe"):
                yield "YAML of type 'unsafe'"
            case ast.Name(id=name, ctx=ast.Load()) if name in {"eval", "exec"}:
                yield name
            case ast.keyword(arg="trust_remote_code", value=value) if not _is(value, False):
                yield "trust_remote_code"
            case ast.Constant(value="trust_remote_code"):
                yield "trust_remote_code"


def _aliases(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The full name behind each imported one: ``from torch import load as l`` -> l: torch.load."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((n.asname, n.name) for n in names if n.asname)
            case ast.ImportFrom(module=str(module), names=names):
                yield from ((n.asname or n.name, f"{module}.{n.name}") for n in names)


def _dangers_of_call(call: ast.Call, aliases: dict[str, str]) -> Iterator[str]:
    keywords = {k.arg: k.value for k in call.keywords}
    head, _, rest = ast.unparse(call.func).partition(".")
    name = ".".join(filter(None, (aliases.get(head, head), rest))).removeprefix("builtins.")
    if name in FORBIDDEN_CALLS:
        yield name
    elif name.startswith("yaml.") and "load" in name:
        # Ours is an object of ruamel.yaml named after its use, never the module `yaml`.
        yield name
    elif name == "torch.load" and not _is(keywords.get("weights_only"), True):
        yield name
    elif name.endswith("load") and _is(keywords.get("allow_pickle"), True):
        yield "allow_pickle"
    elif name.endswith("YAML") and any(_is(argument, "unsafe") for argument in call.args):
        yield "YAML of type 'unsafe'"


def _is(node: ast.AST | None, value: object) -> bool:
    return (
        isinstance(node, ast.Constant) and type(node.value) is type(value) and node.value == value
    )


def sources(root: Path) -> list[Path]:
    return sorted((root / "src").rglob("*.py"))


def test_no_code_runs_from_data(root: Path) -> None:
    found = [
        f"{path.relative_to(root)}: {danger}"
        for path in sources(root)
        for danger in dangers(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from marshal import loads",
        "import shelve as s",
        "import _pickle",
        "from yaml import load",
        "from torch import load as read\nread(path)",
        "import torch as t\nt.load(path)",
        "import builtins as b\nb.eval('1')",
        "run = eval",
        "YAML(typ='unsafe')",
        "YAML('unsafe')",
        "eval('1')",
        "exec(text)",
        "yaml.load(text)",
        "yaml.unsafe_load(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "Model.from_pretrained(name, trust_remote_code=True)",
        "Model.from_pretrained(name, **{'trust_remote_code': flag})",
    ],
)
def test_the_search_for_such_code_finds_it(source: str) -> None:
    assert list(dangers(source))


@pytest.mark.parametrize(
    "source",
    ["re.compile('a')", "torch.load(path, weights_only=True)", "np.load(path)", "evaluate(1)"],
)
def test_the_search_for_such_code_leaves_the_rest_alone(source: str) -> None:
    assert list(dangers(source)) == []


# What imports torch at its top.
HEAVY = ("wellread.train.", "wellread.chat.local", "wellread.pipelines.train")


def modules() -> list[str]:
    found = pkgutil.walk_packages(wellread.__path__, "wellread.")
    return [m.name for m in found if m.name != "wellread.__main__"]


@pytest.mark.parametrize("name", modules())
def test_a_module_can_be_imported_by_itself_and_holds_its_public_names(name: str) -> None:
    if name.startswith(HEAVY):
        pytest.importorskip(
            "torch", reason="training needs the extra: pip install 'wellread[train]'"
        )
    module = importlib.import_module(name)
    public = getattr(module, "__all__", [])
    assert [n for n in public if not hasattr(module, n)] == []


def test_every_folder_with_code_is_a_package(root: Path) -> None:
    folders = {path.parent for path in sources(root)}
    assert [str(f) for f in folders if not (f / "__init__.py").exists()] == []


def test_the_package_imports_with_warnings_as_errors() -> None:
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, "wellread", *modules()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_the_package_has_sorted_public_names_that_exist() -> None:
    public = getattr(wellread, "__all__", [])
    assert list(public) == sorted(public)
    assert [n for n in public if not hasattr(wellread, n)] == []
