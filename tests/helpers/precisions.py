"""What `frozen_eval_mode` does to the switches of cuDNN, each setting in a process of its own: none can be unset."""

import json
import multiprocessing

import torch
from torch import nn

from hf_gradexplain.classifier.state import frozen_eval_mode

SETTINGS = (
    "",
    "torch.backends.fp32_precision = 'ieee'",
    "torch.backends.fp32_precision = 'tf32'",
    "torch.backends.cudnn.fp32_precision = 'ieee'",
    "torch.backends.cudnn.fp32_precision = 'tf32'",
    "torch.backends.cudnn.conv.fp32_precision = 'ieee'",
    "torch.backends.cudnn.conv.fp32_precision = 'tf32'",
    "torch.backends.fp32_precision = 'ieee'; torch.backends.cudnn.fp32_precision = 'tf32'",
    "torch.backends.cudnn.allow_tf32 = False",
)


def switches():
    cudnn = torch.backends.cudnn
    places = (torch.backends, cudnn, cudnn.conv, cudnn.rnn, torch.backends.cuda.matmul, torch.backends.mkldnn.conv)
    return [cudnn.enabled, *(place.fp32_precision for place in places)]


def followers():
    """The switches as the general ones are set: whether each follows them."""
    found = []
    for place in (torch.backends.cudnn, torch.backends):
        for value in ("ieee", "tf32", "none"):
            place.fp32_precision = value
            found.append(switches())
    return found


def looked_at(setting, used):
    """The switches before, within and after the use of a model of each kind, and then their followers."""
    exec(setting)
    found = []
    for model in (nn.Conv1d(2, 2, 1), nn.LSTM(2, 2), nn.Linear(2, 2)) if used else ():
        for error in (False, True):
            found.append([switches()])
            try:
                with frozen_eval_mode(model):
                    found[-1].append(switches())
                    assert not error
            except AssertionError:
                assert error
            found[-1].append(switches())
    return found, followers()


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        cases = [(setting, used) for setting in SETTINGS for used in (True, False)]
        print(json.dumps(pool.starmap(looked_at, cases, chunksize=1)))
