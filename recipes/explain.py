"""Explain the predictions of a text classifier, and write the explanations as JSON lines and as a page.

python recipes/explain.py --model_name_or_path MODEL --texts "A thoughtful, gripping film."
python recipes/explain.py --model_name_or_path MODEL --dataset_name DATASET --max_samples 20
"""

from hf_gradexplain.commands.explain import run_explanation
from hf_gradexplain.commands.parsing import exit_on_error, parse_arguments
from hf_gradexplain.commands.recipe_arguments import ExplainRecipeArguments
from hf_gradexplain.run.processes import flush_denormals

if __name__ == "__main__":
    flush_denormals()
    with exit_on_error():
        run_explanation(parse_arguments(ExplainRecipeArguments))
