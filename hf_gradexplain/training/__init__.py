"""Train FastText, TextCNN or BiLSTM from scratch, or fine-tune any other classifier by name."""

from hf_gradexplain.training.arguments import FitArguments, TrainArguments
from hf_gradexplain.training.task import Task, infer_task
from hf_gradexplain.training.train import Trained, fit, train

__all__ = ["FitArguments", "Task", "TrainArguments", "Trained", "fit", "infer_task", "train"]
