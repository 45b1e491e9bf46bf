"""Load a model of natural language inference for zero-shot classification with candidate labels."""

import warnings
from typing import Unpack

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer.zero_shot import ZeroShotExplainer
from hf_gradexplain.options.arguments import LoadOptions
from hf_gradexplain.viz.tables import join_words


def load_zero_shot(model: str, **how_to_load: Unpack[LoadOptions]) -> ZeroShotExplainer:
    """Load the model by `ZeroShotExplainer.from_pretrained`, which has the same arguments.

    Raises:
        GradexplainError: The model cannot be loaded, or none of its classes has a name that begins with "entail".
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no label of")  # here it is an error
        explainer = ZeroShotExplainer.from_pretrained(model, **how_to_load)
    if not explainer.has_entailment:
        raise GradexplainError(
            "--candidate_labels needs a model of natural language inference, with a class whose name begins with "
            f"'entail', but the classes of {model} are {join_words(list(explainer.class_names))}: leave out "
            "--candidate_labels, or, if it is such a model, name its classes in id2label and label2id of its "
            "config.json"
        )
    return explainer
