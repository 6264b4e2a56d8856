"""What every declaration checks, and how a mistake in one is shown: with the definition it is in."""

from __future__ import annotations

import hashlib
import inspect
import math
import re
from collections.abc import Callable

from assay.sdk.parameters import Parameter, mismatch, parameters_of
from assay.sdk.samples import Json

_ID = re.compile(r"[a-z][a-z0-9_-]*/[a-z][a-z0-9_-]*-v[1-9][0-9]*")
_SIGNAL = re.compile(r"[a-z][a-z0-9_]*")
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def definition_text(function: Callable[..., object]) -> str:
    """Where a function is defined, and how it is called."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return f"\n  in {function!r}"
    return f"\n  defined at {code.co_filename}:{code.co_firstlineno} as {function.__qualname__}{_signature(function)}"


def _signature(function: Callable[..., object]) -> str:
    try:
        return str(inspect.signature(function))
    except (TypeError, ValueError):
        return "(...)"


def checked_parameters(
    what: str, function: Callable[..., object], positional: tuple[str, ...]
) -> tuple[Parameter, ...]:
    """The typed parameters of a function that takes ``positional`` before them.

    Args:
        what: the declaration in words, e.g. ``reward acme/x-v1``.
        function: what is declared.
        positional: what it is called with, in words; all of them are needed.

    Raises:
        ValueError: it cannot be called so, an annotation is missing or not supported, a default does not fit.
    """
    problem = _call_problem(function, positional)
    if problem:
        raise ValueError(f"{what}: {problem}{definition_text(function)}")
    try:
        parameters = parameters_of(function)
    except (ValueError, NameError) as error:
        raise ValueError(f"{what}: {error}{definition_text(function)}") from error
    for parameter in parameters:
        unfit = "" if parameter.required else _default_problem(parameter)
        if unfit:
            raise ValueError(f"{what}: the default of parameter {parameter.name!r}: {unfit}{definition_text(function)}")
    return parameters


def _default_problem(parameter: Parameter) -> str:
    default: Json = parameter.default  # type: ignore[assignment] - what it is, mismatch finds out
    return mismatch(default, parameter.schema)


def _call_problem(function: Callable[..., object], positional: tuple[str, ...]) -> str:
    given = list(inspect.signature(function).parameters.values())
    variadic = next((parameter for parameter in given if parameter.kind in _VARIADIC), None)
    if variadic is not None:
        return f"{variadic} hides which parameters there are; name each one after a '*', with its type"
    places = [parameter for parameter in given if parameter.kind in _POSITIONAL]
    if len(places) != len(positional):
        listed = ", ".join(parameter.name for parameter in places) or "nothing"
        return (
            f"it is called with ({', '.join(positional)}) by position, but takes {listed}; parameters of its own come "
            "after a '*'"
        )
    return ""


def check_declaration(
    what: str, id: str, function: Callable[..., object], bounds: tuple[float, float], signals: tuple[str, ...]
) -> None:
    """Raise ValueError for an id, bounds or signal names that cannot be."""
    problem = ""
    if not _ID.fullmatch(id):
        problem = "expected an id namespace/name-vN, e.g. math/answer-v1"
    elif any(math.isnan(bound) for bound in bounds) or not bounds[0] <= bounds[1]:
        problem = f"bounds {bounds} are not (minimum, maximum)"
    else:
        bad = next((name for name in signals if not _SIGNAL.fullmatch(name)), None)
        if bad is not None:
            problem = f"required signal {bad!r} is no snake_case name"
    if problem:
        raise ValueError(f"{what}: {problem}{definition_text(function)}")


def digest_of(declared: str, *functions: Callable[..., object]) -> str:
    """sha256 over what was declared and the source of the functions, or their code where there is no source."""
    return hashlib.sha256("|".join([declared, *map(_source, functions)]).encode("utf-8", "replace")).hexdigest()


def _source(function: Callable[..., object]) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        code = getattr(inspect.unwrap(function), "__code__", None)
        return repr(function) if code is None else f"{code.co_code.hex()} {code.co_names} {code.co_varnames}"
