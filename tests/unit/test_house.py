"""The shape of the house: sizes of functions and modules, the map, the words that must not appear."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("broker", "connectors", "policies")
LONGEST_FUNCTION = 50
LONGEST_MODULE = 400
LONGEST_TEST_MODULE = 500
LONGEST_README = 200


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_function_is_longer_than_fifty_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name} {length(node)}"
        for path in modules(*ROOMS, "tests", "bench")
        for node in functions(path)
        if length(node) > LONGEST_FUNCTION
    ]
    assert long == []


def test_nine_functions_in_ten_are_under_thirty_lines() -> None:
    sizes = sorted(length(node) for path in modules(*ROOMS) for node in functions(path))
    assert sizes[int(len(sizes) * 0.9)] <= 30


def test_no_module_is_too_long() -> None:
    def lines(path: Path) -> int:
        return len(path.read_text(encoding="utf-8").splitlines())

    long = [str(path.relative_to(ROOT)) for path in modules(*ROOMS, "bench") if lines(path) > LONGEST_MODULE]
    long += [str(path.relative_to(ROOT)) for path in modules("tests") if lines(path) > LONGEST_TEST_MODULE]
    assert long == []


def test_every_file_the_map_names_exists_and_holds_the_name() -> None:
    """`docs/map.md` says `path` or `path:name`; both must be true of the tree."""
    text = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w./-]+/[\w./-]*)(?::(\w+))?`", text)
    assert len(named) > 25
    wrong = []
    for place, name in named:
        path = ROOT / place
        if not path.exists() or (name and not re.search(rf"\b{name}\b", path.read_text(encoding="utf-8"))):
            wrong.append(f"{place}:{name}")
    assert wrong == []


def test_the_two_libraries_of_signatures_have_one_home_each() -> None:
    """DESIGN §9: joserfc signs and judges; python-jose only ever gives tests a second opinion."""
    assert importing("joserfc", *ROOMS) == {"broker/wire/jose", "broker/demo"}, "the demo's service is software apart"
    assert importing("jose", *ROOMS, "tests", "bench") == {"tests"}
    assert [path.name for path in modules("tests") if imports("jose", path)] == ["second_opinion.py"]


def importing(library: str, *folders: str) -> set[str]:
    """Folders with a module that imports this library."""
    return {str(path.parent.relative_to(ROOT)) for path in modules(*folders) if imports(library, path)}


def imports(library: str, path: Path) -> bool:
    """Tell whether a module imports this library, at its head or within."""
    return re.search(rf"^\s*(from|import) {library}\b", path.read_text(encoding="utf-8"), re.MULTILINE) is not None


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LONGEST_README


def test_no_tracked_file_writes_down_an_index_address() -> None:
    hosts = ("pypi" + ".org", "files.python" + "hosted", "registry.npm" + "js", '"resolved"')
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    texts = [ROOT / name for name in tracked if name.endswith((".txt", ".toml", ".json", ".md", ".yaml", "Makefile"))]
    guilty = [str(p) for p in texts if any(host in p.read_text(encoding="utf-8", errors="replace") for host in hosts)]
    assert guilty == []
