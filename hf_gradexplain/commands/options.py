"""How to explain, from the arguments."""

from hf_gradexplain.commands.evaluate_arguments import EvaluateArguments
from hf_gradexplain.options import Options


def options_of(arguments: EvaluateArguments) -> Options:
    """How to explain, as the arguments say."""
    return Options(
        methods=tuple(arguments.methods),
        unit=arguments.unit,  # type: ignore[arg-type]
        target=arguments.target,  # type: ignore[arg-type]
        objective=arguments.objective,  # type: ignore[arg-type]
        seed=arguments.seed,
        batch_tokens=arguments.batch_tokens,
        baseline=arguments.baseline,  # type: ignore[arg-type]
        mixed_precision=arguments.mixed_precision,  # type: ignore[arg-type]
        torch_compile=arguments.torch_compile,
        ties=arguments.ties,  # type: ignore[arg-type]
    )
