"""Train a text classifier on a dataset from the hub or from this machine.

python recipes/train.py recipes/configs/train_ag_news_textcnn.yaml --output_dir my-textcnn
python recipes/train.py --model_name_or_path distilbert-base-uncased --dataset_name fancyzhx/ag_news --output_dir bert
python recipes/train.py recipes/configs/train_ag_news_textcnn.yaml --push_to_hub --hub_model_id me/textcnn-ag_news
"""

import json
import sys
from contextlib import redirect_stdout

from hf_gradexplain.commands.parsing import exit_on_error, parse_arguments
from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments
from hf_gradexplain.commands.train import run_training
from hf_gradexplain.run.processes import flush_denormals

if __name__ == "__main__":
    flush_denormals()
    arguments = parse_arguments(TrainRecipeArguments)
    with exit_on_error(), redirect_stdout(sys.stderr):  # standard output is for the metrics
        metrics = run_training(arguments)
    print(json.dumps(dict(metrics), indent=2))
