"""Print cuDNN's precision options before, within and after `frozen_eval_mode`, as JSON.

Each setting runs in its own process, because an option cannot be unset.
"""

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


def options():
    cudnn = torch.backends.cudnn
    places = (torch.backends, cudnn, cudnn.conv, cudnn.rnn, torch.backends.cuda.matmul, torch.backends.mkldnn.conv)
    return [cudnn.enabled, *(place.fp32_precision for place in places)]


def followers():
    """Return all options for each value of the general ones, which shows whether they follow these."""
    values_seen = []
    for place in (torch.backends.cudnn, torch.backends):
        for value in ("ieee", "tf32", "none"):
            place.fp32_precision = value
            values_seen.append(options())
    return values_seen


def record(setting, used):
    """Return the options before, within and after `frozen_eval_mode` for each kind of model, then `followers()`."""
    exec(setting)
    cases = []
    for model in (nn.Conv1d(2, 2, 1), nn.LSTM(2, 2), nn.Linear(2, 2)) if used else ():
        for error in (False, True):
            cases.append([options()])
            try:
                with frozen_eval_mode(model):
                    cases[-1].append(options())
                    assert not error
            except AssertionError:
                assert error
            cases[-1].append(options())
    return cases, followers()


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        cases = [(setting, used) for setting in SETTINGS for used in (True, False)]
        print(json.dumps(pool.starmap(record, cases, chunksize=1)))
