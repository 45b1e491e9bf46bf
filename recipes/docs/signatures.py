"""An extension of griffe, by which the Python reference lists all options of functions with `**options`."""

import inspect
import re
from importlib import import_module
from typing import Any

import griffe

KINDS: dict[Any, griffe.ParameterKind] = {
    inspect.Parameter.POSITIONAL_ONLY: griffe.ParameterKind.positional_only,
    inspect.Parameter.POSITIONAL_OR_KEYWORD: griffe.ParameterKind.positional_or_keyword,
    inspect.Parameter.KEYWORD_ONLY: griffe.ParameterKind.keyword_only,
}


class OptionSignatures(griffe.Extension):
    """Give functions with `hf_gradexplain.options.signatures.takes_options` the signature and docstring of `help`.

    In the source they have `**options`, and defaults that are names.
    """

    def on_function_instance(self, *, node: Any, func: griffe.Function, agent: Any) -> None:  # type: ignore[override]
        """Replace the parameters and the docstring that griffe read from the source."""
        if not any(decorator.callable_path.endswith(".takes_options") for decorator in func.decorators):
            return
        function: Any = import_module(func.module.path)
        for name in func.path.removeprefix(f"{func.module.path}.").split("."):
            function = getattr(function, name)
        written = {parameter.name: parameter.annotation for parameter in func.parameters}
        func.parameters = griffe.Parameters(
            *(
                griffe.Parameter(
                    name,
                    annotation=written.get(name) or _short(parameter.annotation),
                    kind=KINDS[parameter.kind],
                    default=None if parameter.default is parameter.empty else repr(parameter.default),
                )
                for name, parameter in inspect.signature(function).parameters.items()
            )
        )
        if func.docstring is not None:
            func.docstring.value = inspect.getdoc(function) or ""


def _short(annotation: Any) -> str | None:
    """Return a type as it is written in code, without module names; None without a type."""
    if annotation is inspect.Parameter.empty:
        return None
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])", "", inspect.formatannotation(annotation))
