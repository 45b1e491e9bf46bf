"""A page that explains a text with any public text classifier: `python app.py`."""

import os

# Read when the libraries are imported: a visitor must not reach what the owner's token reaches.
os.environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from html import escape
from typing import Any

import gradio as gr
from explaining import MAX_CHARACTERS, MAX_METHODS, PREDICTED, Models, explain_text, python_code, top_words

from hf_gradexplain import GradexplainError
from hf_gradexplain.attribution.descriptions import DESCRIPTIONS
from hf_gradexplain.options import AUTO
from hf_gradexplain.viz.sanitize import visible

DEFAULT_MODELS = (
    "distilbert/distilbert-base-uncased-finetuned-sst-2-english "
    "SamLowe/roberta-base-go_emotions lxyuan/distilbert-base-multilingual-cased-sentiments-student"
)
EXAMPLES = [
    ["A thoughtful, gripping film that never takes the easy way out.", [AUTO]],
    ["The plot is thin and the jokes are old, but I did not want it to end.", [AUTO, "loo"]],
    ["Not one of the actors is good, and the music is not bad.", ["loo", "integrated_gradients", "signed_gi"]],
]
SYSTEM_FONT = ("system-ui", "-apple-system", "Segoe UI", "sans-serif")
"""Fonts of the reader's system, so that the page loads none from elsewhere."""

CSS = """
.gradio-container { max-width: 62rem !important; margin-inline: auto !important; }
"""

# The disk of a Space is small; elsewhere the cache is the reader's own.
models = Models(os.environ.get("DEMO_MODELS", DEFAULT_MODELS).split(), keep_files="SPACE_ID" not in os.environ)


def explain(text: str, model: str, methods: list[str], target: str) -> tuple[Any, ...]:
    """Explain a text: the highlighted text, the probabilities, the top words, and the code for it.

    Args:
        text: The text to explain.
        model: The name of a model on the hub.
        methods: Names of methods.
        target: The name of a class, or "predicted class".
    """
    try:
        explainer = models(model)
        explanation = explain_text(explainer, text, methods, target, lambda message: gr.Warning(escape(message)))
    except GradexplainError as error:
        raise problem(error) from error
    header, rows = top_words(explanation)
    if explanation.regression:
        outputs: Any = f"{explanation.probabilities[explanation.target]:.3f}"
    else:
        outputs = dict(zip(explainer.class_names, explanation.probabilities.tolist(), strict=True))
    return (
        str(explanation.to_html()),
        outputs,
        {"headers": header, "data": rows},
        python_code(model, text, methods, target),
        gr.update(visible=True),
    )


def classes(model: str) -> Any:
    """Load a model and offer its classes as targets."""
    try:
        return gr.update(choices=[PREDICTED, *models(model).class_names], value=PREDICTED)
    except GradexplainError as error:
        raise problem(error) from error


def problem(error: GradexplainError) -> gr.Error:
    """Return the error that the page shows, until the reader closes it."""
    message = escape(visible(str(error)), quote=False)
    return gr.Error(message, duration=None, print_exception=False)


def page() -> gr.Blocks:
    """Return the page."""
    with gr.Blocks(title="Which words drove the prediction?", delete_cache=(3600, 3600)) as blocks:
        gr.Markdown(
            "# Which words drove the prediction?\n"
            "Explain a text classifier by word importance, and see whether the explanation holds: what the model "
            "predicts without the top words. Made with "
            "[hf_gradexplain](https://github.com/hf-gradexplain/hf_gradexplain)."
        )
        text, model, methods, target = questions()
        button = gr.Button("Explain", variant="primary")
        with gr.Column(visible=False) as results:
            answers = [*show_answers(), results]
        gr.Examples(EXAMPLES, [text, methods], label="Examples", cache_examples=False)
        with gr.Accordion("What the methods compute", open=False):
            gr.Markdown("\n".join(f"- `{name}`: {about.summary}" for name, about in DESCRIPTIONS.items()))
        # One at a time: calls of an explainer would wait for each other.
        once = {"concurrency_limit": 1, "concurrency_id": "model"}
        asked = [text, model, methods, target]
        gr.on([button.click, text.submit], explain, asked, answers, api_name="explain", **once)
        model.input(classes, model, target, api_name="classes", show_progress_on=target, **once)
        blocks.load(classes, model, target, api_visibility="private", show_progress_on=target, **once)
    return blocks.queue(max_size=20)


def questions() -> tuple[gr.Textbox, gr.Dropdown, gr.Dropdown, gr.Dropdown]:
    """Show what the reader chooses: the text, the model, the methods and the class."""
    text = gr.Textbox(
        label="Text", info=f"up to {MAX_CHARACTERS:,} characters", lines=3, max_length=MAX_CHARACTERS, autofocus=True
    )
    with gr.Row():
        model = gr.Dropdown(
            list(models.listed),
            label="Model",
            info="or the name of another on the hub",
            allow_custom_value=True,
            min_width=320,
        )
        target = gr.Dropdown(
            [PREDICTED],
            label="Class to explain",
            info="the predicted class, or another",
            allow_custom_value=True,
            min_width=320,
        )
    methods = gr.Dropdown(
        [AUTO, *DESCRIPTIONS],
        value=[AUTO],
        multiselect=True,
        max_choices=MAX_METHODS,
        label="Methods",
        info=f"up to {MAX_METHODS}; auto is the one that suits the model",
    )
    return text, model, methods, target


def show_answers() -> tuple[gr.HTML, gr.Label, gr.Dataframe, gr.Code]:
    """Show what `explain` returns."""
    shown = gr.HTML(label="Explanation", apply_default_css=False)
    with gr.Row():
        outputs = gr.Label(label="Prediction", num_top_classes=5, min_width=320)
        table = gr.Dataframe(label="Top words", interactive=False, wrap=True, buttons=["copy"], min_width=320)
    with gr.Accordion("The same in Python", open=False):
        code = gr.Code(label="Python", language="python", show_label=False)
    return shown, outputs, table, code


if __name__ == "__main__":
    page().launch(
        theme=gr.themes.Default(primary_hue="blue", neutral_hue="slate", font=SYSTEM_FONT, font_mono=("monospace",)),
        css=CSS,
        max_file_size=1024,  # nothing is uploaded
        ssr_mode=False,
        footer_links=["api"],
    )
