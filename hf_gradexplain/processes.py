"""The processes of a run."""

import os

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env

from hf_gradexplain.errors import GradexplainError


def process_state() -> PartialState:
    """What this process is among the others; on a machine without a GPU they talk through gloo.

    Raises:
        GradexplainError: If the launcher started several processes that do not know of each other.
    """
    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available()
    state = PartialState(cpu=cpu)
    asked = int(os.environ.get("WORLD_SIZE", "1"))
    if asked != state.num_processes:
        raise GradexplainError(
            f"the launcher started {asked} processes, but each believes it is one of {state.num_processes}: "
            f"start them with `torchrun --standalone --nproc_per_node {asked} ...`"
        )
    return state
