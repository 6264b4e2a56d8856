"""Whether an assert suite keeps nothing from one candidate to the next, as its text shows.

Such a suite judges all candidates in one process; any other gets a process of its own for each, which costs several
times as much as the tests. What is not known to be harmless is not: attributes of anything but a few modules, the
built-in functions that reach what others can see, decorators, classes, and everything else that is not listed here.
"""

from __future__ import annotations

import ast
import builtins
import importlib
from collections.abc import Mapping

_MODULES = frozenset({"cmath", "collections", "copy", "datetime", "fractions", "itertools", "math", "string", "typing"})
_BUILTINS = frozenset({
    "abs", "all", "any", "bin", "bool", "bytes", "chr", "complex", "dict", "divmod", "enumerate", "filter", "float",
    "frozenset", "hash", "hex", "int", "isinstance", "iter", "len", "list", "map", "max", "min", "next", "oct", "ord",
    "pow", "print", "range", "repr", "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "zip",
    "ArithmeticError", "AssertionError", "Exception", "IndexError", "KeyError", "LookupError", "NameError",
    "NotImplementedError", "OverflowError", "RuntimeError", "TypeError", "ValueError", "ZeroDivisionError",
})  # fmt: skip
_IN_PRELUDE = (ast.Module, ast.Import, ast.ImportFrom, ast.alias)
_IN_CODE = (
    *_IN_PRELUDE, ast.FunctionDef, ast.arguments, ast.arg, ast.Lambda, ast.Return, ast.Expr, ast.Pass,
    ast.Assert, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.While, ast.If, ast.Break, ast.Continue, ast.Try,
    ast.ExceptHandler, ast.Raise, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.keyword, ast.IfExp,
    ast.Name, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.GeneratorExp, ast.comprehension, ast.Subscript, ast.Slice, ast.Starred, ast.JoinedStr, ast.FormattedValue,
    ast.Attribute, ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop,
)  # fmt: skip


def keeps_nothing(prelude: str, code: str) -> bool:
    """Whether running the code anew, after the prelude once, is the same as running both in a new process.

    Both are known to compile.
    """
    before, tree = ast.parse(prelude), ast.parse(code)
    nodes = [*ast.walk(before), *ast.walk(tree)]
    imports = [alias for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules = {alias.asname or alias.name: alias.name for alias in imports}
    return (
        all(isinstance(node, _IN_PRELUDE) or _is_text(node) for node in ast.walk(before))
        and all(isinstance(node, _IN_CODE) for node in nodes)
        and not any(_harms(node, modules) for node in nodes)
        and not any(modules.keys() & _bound(node) for node in nodes)
    )


def _is_text(node: ast.AST) -> bool:
    """A docstring and what it consists of."""
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _bound(node: ast.AST) -> set[str]:
    """Names that a node gives another meaning, or hands on: a module may only be looked into."""
    match node:
        case ast.Attribute():
            return set()
        case ast.arg(arg=name) | ast.FunctionDef(name=name):
            return {name}
        case _:
            inner = (child for child in ast.iter_child_nodes(node) if isinstance(child, ast.Name))
            return {child.id for child in inner}


def _harms(node: ast.AST, modules: Mapping[str, str]) -> bool:
    match node:
        case ast.Import():
            return any(alias.name not in _MODULES for alias in node.names)
        case ast.ImportFrom():
            return node.level != 0 or any(_is_hidden(node.module or "", alias.name) for alias in node.names)
        case ast.Name(id=name):
            return name.startswith("__") or (hasattr(builtins, name) and name not in _BUILTINS)
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            return not isinstance(node.ctx, ast.Load) or _is_hidden(modules.get(name, ""), attribute)
        case ast.Attribute():
            return True
        case ast.FunctionDef():
            return bool(node.decorator_list)
        case _:
            return False


def _is_hidden(module: str, name: str) -> bool:
    """Whether this leads to more than the functions, classes and constants of a module."""
    if module not in _MODULES or name.startswith("_"):
        return True
    if name == "*":
        return False
    found = getattr(importlib.import_module(module), name, None)
    return not (callable(found) or isinstance(found, str | int | float | complex))
