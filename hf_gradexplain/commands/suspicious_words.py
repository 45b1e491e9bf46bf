"""The suspicious words of the model of a finished run."""

from hf_gradexplain.audit.suspicious.find import find_suspicious_words
from hf_gradexplain.audit.suspicious.result import SuspiciousWords
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import LoadArguments
from hf_gradexplain.options.signatures import ReadingOptions
from hf_gradexplain.options.words import InsertionTest
from hf_gradexplain.run.finished_run import FinishedRun


def suspicious_words_of(run: FinishedRun, method: str | None, test: InsertionTest) -> SuspiciousWords:
    """Load the model of a run at its commit, read texts as the run did, and find its suspicious words.

    Code of the model's repository and pickle files are never loaded, even if `run.yaml` allows it, because that file
    may be untrusted.

    Args:
        run: The run.
        method: The method whose scores choose the words to try; None for the most faithful method of the run, by
            AOPC(10).
        test: The settings of the test.

    Raises:
        GradexplainError: The run names no model, the model cannot be loaded, or it has changed since the run.
    """
    arguments = run.arguments
    if arguments.get("model_name_or_path") is None:
        raise GradexplainError(
            f"the run in {run.folder} does not name its model: in Python, "
            f"Explainer(model, tokenizer).suspicious_words({str(run.folder)!r}) tries words on a model of your own"
        )
    commit = run.record["inputs"].get("commits", {}).get("model", "").rpartition("@")[2]
    revision = commit or arguments.get("model_revision")
    how_to_load = {"revision": revision, "dtype": arguments.get("dtype", LoadArguments.dtype)}
    engine = AttributionEngine.from_pretrained(arguments["model_name_or_path"], **how_to_load)
    names = ReadingOptions.__annotations__
    options = Options(**{name: value for name, value in arguments.items() if name in names})
    return find_suspicious_words(engine, run.documents, options, method, test, run.record["title"])
