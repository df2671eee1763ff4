"""The classifier of a bundle, for prompts and for answers, as benches ask it."""

from lethe.bundle import Bundle
from lethe.classifier.head import answer_head_folder, head_folder
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings


def service_of_bundle(bundle: Bundle) -> ClassifierService:
    """A service of its own, which tells no spans and gives nothing up on a machine that has more to do."""
    return ClassifierService.load(
        heads={bundle.name: head_folder(bundle)},
        settings=ClassifierSettings(spans=False, deadline_seconds=600),
        answer_heads={bundle.name: answer_head_folder(bundle)},
    )
