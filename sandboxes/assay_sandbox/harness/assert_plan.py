"""What is in the code of an assert suite: its tests, and the names that it takes from the candidate."""

from __future__ import annotations

import ast
import builtins
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TEST = "__assay_test__"
CHECK = "check"
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_LONGEST_SOURCE = 300


class BrokenSuite(Exception):
    """The suite itself is at fault."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled suite.

    Attributes:
        early: the prelude uses nothing of the candidate's, so it can run before there is one.
        names: what the suite uses and does not define: the candidate's.
        tests: names of those that are known before it runs.
        sources: the texts of those that are statements.
        calls_check: whether its ``check`` is to be called; it may do that itself.
        needs_entry_point: it is to be called with the entry point.
        functions: its ``test...`` functions that take nothing, where it has no asserts outside functions.
    """

    prelude: types.CodeType
    code: types.CodeType
    early: bool
    names: tuple[str, ...]
    tests: tuple[str, ...]
    sources: tuple[str, ...]
    calls_check: bool
    functions: tuple[str, ...]
    needs_entry_point: bool


def planned(prelude: str, code: str, entry_point: str) -> Plan:
    """The plan of a suite whose entry point has this name.

    Raises:
        BrokenSuite: it does not compile, or it has no test.
    """
    before, tree = _parsed(prelude, "prelude"), _parsed(code, "code")
    foreign = _foreign(before)
    early = not foreign and (entry_point in _bound(before) or entry_point not in _loaded(before))
    names = tuple(sorted(_foreign(before, tree) - {entry_point}))
    sources = _instrument(tree, code)
    calls_check = any(_is_check(node) for node in tree.body) and not any(map(_calls_check, tree.body))
    functions = () if sources or calls_check else tuple(_test_functions(tree))
    tests = tuple(f"test {number}" for number in range(1, len(sources) + 1))
    if not (sources or calls_check or functions or any(isinstance(node, ast.ClassDef) for node in tree.body)):
        raise BrokenSuite("the suite's code has no assert, no function check and none that begins with test")
    return Plan(
        _compiled(before, "prelude"),
        _compiled(tree, "suite"),
        early,
        names,
        tests or ((CHECK,) if calls_check else functions),
        sources,
        calls_check,
        functions,
        calls_check and any(_is_check(node) and _takes(node) for node in tree.body),
    )


def _parsed(text: str, what: str) -> ast.Module:
    try:
        return ast.parse(text, what)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BrokenSuite(f"the suite's {what} does not compile: {error}") from error


def _compiled(tree: ast.Module, name: str) -> types.CodeType:
    try:
        return compile(ast.fix_missing_locations(tree), f"{name}.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise BrokenSuite(f"the suite's {name} does not compile: {error}") from error


# ---------------------------------------------------------------- tests


def _instrument(tree: ast.Module, code: str) -> tuple[str, ...]:
    """Wrap every test statement in ``with TEST(number):``; the texts of the statements."""
    sources: list[str] = []
    tree.body = _wrapped(tree.body, code, sources)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and _is_check(node):
            node.body = _wrapped(node.body, code, sources)
    return tuple(sources)


def _wrapped(body: Sequence[ast.stmt], code: str, sources: list[str]) -> list[ast.stmt]:
    wrapped: list[ast.stmt] = []
    for statement in body:
        if not _tests(statement):
            wrapped.append(statement)
            continue
        number = ast.Constant(len(sources))
        call = ast.Call(ast.Name(TEST, ast.Load()), [number], [])
        block = ast.With([ast.withitem(call)], [statement])
        wrapped.append(ast.copy_location(block, statement))
        sources.append((ast.get_source_segment(code, statement) or "")[:_LONGEST_SOURCE])
    return wrapped


def _tests(statement: ast.stmt) -> bool:
    return not isinstance(statement, _NESTED) and any(map(_is_test, _own_nodes(statement)))


def _is_test(node: ast.AST) -> bool:
    return isinstance(node, ast.Assert) and not (isinstance(node.test, ast.Constant) and bool(node.test.value))


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """A statement and what is in it, without what functions and classes in it hold."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += [child for child in ast.iter_child_nodes(current) if not isinstance(child, _NESTED)]


def _is_check(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == CHECK


def _takes(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and bool(node.args.posonlyargs or node.args.args or node.args.vararg)


def _calls_check(statement: ast.stmt) -> bool:
    return not isinstance(statement, _NESTED) and any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == CHECK
        for node in _own_nodes(statement)
    )


def _test_functions(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            given = node.args
            if len(given.posonlyargs) + len(given.args) == len(given.defaults) and not given.kwonlyargs:
                yield node.name


# ---------------------------------------------------------------- names


def _loaded(*trees: ast.Module) -> set[str]:
    return {
        node.id
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def _bound(*trees: ast.Module) -> set[str]:
    """Names that are bound anywhere in the trees, in whatever scope."""
    return {name for tree in trees for node in ast.walk(tree) for name in _binds(node)}


def _binds(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.arg(arg=name):
            yield name
        case ast.alias(name=name, asname=other):
            yield other or name.partition(".")[0]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case _:
            return


def _foreign(*trees: ast.Module) -> set[str]:
    """Names that are used and neither bound nor Python's."""
    return _loaded(*trees) - _bound(*trees) - set(vars(builtins)) - {"__name__", "__file__"}
