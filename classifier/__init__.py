"""Text to verdicts: does a conversation ask for something that is to be forgotten, and where?

Knows text, encoders and heads; knows nothing about requests, policies or what a verdict leads to.
"""

from lethe.classifier.conversation import Conversation
from lethe.classifier.errors import ClassifierClosed, ClassifierError, ClassifierOverloaded, ClassifierTimeout
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.verdict import Span, TargetVerdict, Verdict

__all__ = [
    "ClassifierClosed",
    "ClassifierError",
    "ClassifierOverloaded",
    "ClassifierService",
    "ClassifierSettings",
    "ClassifierTimeout",
    "Conversation",
    "Span",
    "TargetVerdict",
    "Verdict",
]
