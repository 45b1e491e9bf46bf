"""Measure how far the explanations of a text classifier can be trusted.

python recipes/evaluate.py
python recipes/evaluate.py --model_name_or_path MODEL --dataset_name DATASET --max_samples 1000
python recipes/evaluate.py RECIPE.yaml --seed 1
"""

from hf_gradexplain.commands.evaluate import run_evaluation
from hf_gradexplain.commands.parsing import exit_on_error, parse_arguments
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.run.processes import flush_denormals

if __name__ == "__main__":
    flush_denormals()
    with exit_on_error():
        run_evaluation(parse_arguments(EvaluateRecipeArguments))
