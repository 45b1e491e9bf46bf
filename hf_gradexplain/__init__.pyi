from . import plots as plots
from .attribution.methods import METHODS as METHODS
from .attribution.methods import Method as Method
from .attribution.methods import register as register
from .attribution.sources import Backward as Backward
from .errors import GradexplainError as GradexplainError
from .explainer.explainer import Explainer as Explainer
from .explainer.explainer import explain as explain
from .explainer.zero_shot import ZeroShotExplainer as ZeroShotExplainer
from .explanation.explanation import Explanation as Explanation
from .explanation.explanations import Explanations as Explanations
from .interactions import Interactions as Interactions
from .models import BiLSTMConfig as BiLSTMConfig
from .models import BiLSTMForSequenceClassification as BiLSTMForSequenceClassification
from .models import FastTextConfig as FastTextConfig
from .models import FastTextForSequenceClassification as FastTextForSequenceClassification
from .models import TextCNNConfig as TextCNNConfig
from .models import TextCNNForSequenceClassification as TextCNNForSequenceClassification
from .perturb import Shortcut as Shortcut
from .perturb import register_shortcut as register_shortcut
from .ranking.preference import Preference as Preference
from .ranking.ranking import Ranking as Ranking
from .run.compare import compare_runs as compare_runs
from .run.evaluation import Evaluation as Evaluation
from .run.evidence import evidence as evidence
from .sharing import load_explanations as load_explanations

__version__: str
