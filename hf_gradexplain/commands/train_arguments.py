"""The arguments of `recipes/train.py`."""

from dataclasses import dataclass, field

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.training.arguments import TrainArguments, option


@dataclass(kw_only=True)
class TrainRecipeArguments(TrainArguments):
    """What is trained on what, what is said of it, and where it goes; every field explains itself in its `help`.

    Raises:
        GradexplainError: If the arguments contradict each other.
    """

    faithfulness_samples: int = option(
        500, "Measure on so many evaluation texts how far explanations of the model can be trusted; 0 for none."
    )
    license: str | None = option(None, "Identifier of the model's licence, as in apache-2.0, for its card.")
    dataset_source: str | None = option(
        None, "Hub name of the data set, for the card, where dataset_name is a copy of it or of a part of it."
    )
    example_text: str = option(
        "The meeting was short, the mood was good, and nobody asked about the price.",
        "Text that the card explains; empty for none.",
    )
    data_examples: int = option(
        0, "Explain so many evaluation texts on the card, and offer them as examples to try: the card then holds them."
    )
    push_to_hub: bool = option(False, "Push the model, its tokenizer and its card to the hub, as one commit.")
    hub_model_id: str | None = option(None, "With push_to_hub: owner/name; by default the name of output_dir.")
    token: str | None = field(
        default=None, repr=False, metadata={"help": "Token of the hub, if not that of HF_TOKEN or of hf auth login."}
    )
    hub_private_repo: bool = option(False, "With push_to_hub: make the repository private.")
    remote_code: bool = option(
        False, "Put the code of our architectures beside the weights, for users without this package."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("faithfulness_samples", "data_examples"):
            if getattr(self, name) < 0:
                raise GradexplainError(f"{name} is a number of texts, 0 or more, not {getattr(self, name)}")
        if not self.push_to_hub and (self.hub_model_id or self.hub_private_repo):
            raise GradexplainError("hub_model_id and hub_private_repo need push_to_hub: they say where it pushes to")
        if self.remote_code and self.model_name_or_path:
            raise GradexplainError(
                "remote_code is the code of fasttext, textcnn and bilstm, so it needs model_type; other architectures "
                "load without it"
            )
