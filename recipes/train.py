"""Train a text classifier on a data set of the hub or of this machine.

python recipes/train.py recipes/configs/train_ag_news_textcnn.yaml --output_dir my-textcnn
python recipes/train.py --model_name_or_path distilbert-base-uncased --dataset_name fancyzhx/ag_news --output_dir bert
"""

import json
import sys
from contextlib import redirect_stdout

from hf_gradexplain.arguments import exit_on_error, parse_arguments
from hf_gradexplain.processes import flush_subnormals
from hf_gradexplain.training import TrainArguments, train

if __name__ == "__main__":
    flush_subnormals()
    arguments = parse_arguments(TrainArguments)
    with exit_on_error(), redirect_stdout(sys.stderr):  # where the progress goes
        metrics = train(arguments)
    print(json.dumps(metrics, indent=2))
