"""Whether targets and engines go together, and what an operator is told where they do not."""

import shlex
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from lethe.bundle import Bundle, BundleError
from lethe.server.engines.facts import EngineFacts
from lethe.server.settings.policy import OnUnfit
from lethe.server.targets.served_model import ServedModel
from lethe.server.targets.targets import TargetSet


def refuse_unfit(targets: TargetSet, model: ServedModel) -> None:
    """Check that every corruption and adapter was made for the model that is served.

    Raises
    ------
    BundleError
        A bundle was made for another base model.
    """
    for bundle in targets.unfit:
        raise BundleError(
            f"bundle {_made_for(bundle)}, but the engine serves {_served(model)}; make it again for this model, take "
            "the bundle out, or set policy.on_unfit to refuse what is flagged for it"
        )


def describe_unfit(targets: TargetSet, model: ServedModel, on_unfit: OnUnfit, folder: Path) -> str:
    """Which bundles were made for another model, what becomes of what they flag, and how to make them for this one.

    Parameters
    ----------
    targets
        As they are in force; at least one of their bundles does not fit.
    folder
        Where the bundles lie.
    """
    made_for = "; ".join(_made_for(bundle) for bundle in targets.unfit)
    done = "only observed" if on_unfit is OnUnfit.OBSERVE else "refused"
    return (
        f"bundle {made_for}, but the engine serves {_served(model)}: what is flagged for it is {done} "
        f"(policy.on_unfit); to make it for this model: {' and '.join(_commands(targets, model, folder))}"
    )


def check_plugin(targets: TargetSet, engine: EngineFacts) -> None:
    """Check that the engine can corrupt, if a bundle asks for it.

    Raises
    ------
    BundleError
        A bundle's action is to corrupt, but the engine does not run the plugin, or one that reads other corruptions.
    """
    corrupting = [target.name for target in targets.corrupting]
    if not corrupting:
        return
    if engine.plugin is None:
        raise BundleError(
            f"the engine does not run Lethe's plugin, which {', '.join(corrupting)} needs; "
            "install lethegate beside vLLM on the engine's host"
        )
    if not engine.plugin.reads_ours:
        raise BundleError(
            f"the engine's plugin, of release {engine.plugin.version}, reads other corruptions than this proxy sends, which "
            f"{', '.join(corrupting)} needs; install lethegate {version('lethegate')} beside vLLM on the engine's host"
        )


def _commands(targets: TargetSet, model: ServedModel, folder: Path) -> Iterator[str]:
    asked = [target.in_place_of for target in targets if target.in_place_of]
    name = targets.unfit[0].name if len(targets.unfit) == 1 else "NAME"
    where = f"--target {name} --targets {shlex.quote(str(folder))}"
    made_for = f"{where} --model {shlex.quote(model.name)}"
    if any(action.corrupts for action in asked):
        yield f"lethe corruption learn {made_for} --questions FILE --retain-prompts FILE"
    if any(action.adapts for action in asked):
        yield f"lethe adapter train {made_for} --forget FILE --retain FILE"
    if len(asked) < len(targets.unfit):
        yield f"lethe adapter compose {where} --bank FILE --expert NAME --expert NAME"


def _made_for(bundle: Bundle) -> str:
    bases = [f"{base.id} with embeddings {base.embedding_sha256[:12]}..." for base in bundle.manifest.models]
    return f"{bundle.name} was made for {' and '.join(bases) or 'no model that it names'}"


def _served(model: ServedModel) -> str:
    digest = model.embedding_sha256
    return f"{model.name} with embeddings {digest[:12]}..." if digest else ", ".join(sorted(model.names))
