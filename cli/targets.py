"""`lethe targets`: which targets are in force, and how; a running proxy takes every change up by itself."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lethe.cli.command_log import recorded_command
from lethe.cli.errors import reported
from lethe.cli.tables import show, table_of
from lethe.cli.targets_folder import (
    TargetArgument,
    TargetsFolder,
    bundle_folder,
    signed,
    targets_folder,
)

if TYPE_CHECKING:
    from lethe.bundle import Bundle
    from lethe.server.targets.rollout import TargetDeployment

app = typer.Typer(help="Show, add, remove and switch targets.", no_args_is_help=True)

_OBSERVED = "observed"

Percent = Annotated[
    float | None, typer.Option(min=0, max=100, help="Act for this share of the keys; observe for the others.")
]


@app.command("list")
def list_targets(targets: TargetsFolder = None) -> None:
    """Show every bundle and how it is in force, or what is wrong with it."""
    from lethe.bundle import DamagedBundle, survey_bundles
    from lethe.server.targets.rollout import TargetDeployment, read_deployment

    with reported():
        folder = targets_folder(targets)
        deployment = read_deployment(folder)
        others = ("action", "percent", "answers", "base models", "description")
        table = table_of(*others, whole=["target", "version"])
        for bundle in survey_bundles(folder):
            how = deployment.get(bundle.name, TargetDeployment())
            if isinstance(bundle, DamagedBundle):
                state = "damaged" if how.enabled else "disabled, damaged"
                table.add_row(bundle.name, "", state, "", "", "", str(bundle.fault))
                continue
            action = how.action or bundle.manifest.action
            table.add_row(
                bundle.name,
                bundle.version,
                action.value if how.enabled else "disabled",
                "" if how.percent == 100 else f"{how.percent:g}",
                how.answers.value if bundle.answer_classifier else "",
                ", ".join(each.id for each in bundle.manifest.models),
                bundle.manifest.description,
            )
        show(table)


Reference = Annotated[
    str,
    typer.Argument(
        help="REGISTRY/REPOSITORY:TAG, or with @sha256:... in place of the tag; or hf://OWNER/REPOSITORY on the "
        "Hugging Face hub, to pull also with @ and a commit, branch or tag."
    ),
]
PlainHttp = Annotated[
    bool, typer.Option("--plain-http", help="Without encryption, for a registry on this machine.")
]


@app.command("push")
def push(
    name: TargetArgument, reference: Reference, plain_http: PlainHttp = False, targets: TargetsFolder = None
) -> None:
    """Put a target's bundle, as it is, into an OCI registry, logged into as docker is, or into the hub."""
    from lethe.bundle import load_bundle
    from lethe.bundle.hub import SCHEME, push_to_hub
    from lethe.bundle.registry import push_bundle

    with reported():
        bundle = load_bundle(bundle_folder(targets_folder(targets), name))
        with recorded_command("target_pushed", name) as entry:
            if reference.startswith(SCHEME):
                digest = push_to_hub(bundle, reference)
            else:
                digest = push_bundle(bundle, reference, plain_http=plain_http)
            entry |= {"version": bundle.version, "reference": reference, "digest": digest}
        typer.echo(f"{name} {bundle.version} is {digest} at {reference}")


InShadow = Annotated[
    bool,
    typer.Option(
        "--shadow",
        help="Only observe it from the first moment, as `shadow` does; otherwise it is in force at once.",
    ),
]


@app.command("pull")
def pull(
    reference: Reference,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Believe whoever brought it there, where no signers are set.")
    ] = False,
    plain_http: PlainHttp = False,
    shadow: InShadow = False,
    targets: TargetsFolder = None,
) -> None:
    """Fetch a bundle from an OCI registry or the hub, verify who signed it, and add it as `add` does."""
    from tempfile import TemporaryDirectory

    from lethe.bundle import BundleError
    from lethe.bundle.hub import SCHEME, pull_from_hub
    from lethe.bundle.registry import pull_bundle
    from lethe.server.settings.loading import load_settings

    with reported():
        folder = targets_folder(targets)
        if load_settings().signers is None and not unsigned:
            raise BundleError(
                "the setting signers names nobody whose bundles are believed; set it, or say --unsigned"
            )
        with TemporaryDirectory(prefix="lethe-pull-") as fetched:
            if reference.startswith(SCHEME):
                bundle = pull_from_hub(reference, Path(fetched))
            else:
                bundle = pull_bundle(reference, Path(fetched), plain_http=plain_http)
            _add(signed(bundle), folder, shadow, reference=reference)


@app.command("add")
def add(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    shadow: InShadow = False,
    targets: TargetsFolder = None,
) -> None:
    """Verify a bundle and copy it in, in the place of an older one of the same name, which is kept."""
    from lethe.bundle import load_bundle

    with reported():
        _add(signed(load_bundle(bundle)), targets_folder(targets), shadow)


def _add(bundle: "Bundle", targets: Path, shadow: bool, **told: str) -> None:
    from lethe.bundle import install_bundle, keep_version, survey_bundles

    # An older one may lie in a folder of another name.
    places = {each.name: each.folder for each in (survey_bundles(targets) if targets.is_dir() else ())}
    folder = places.get(bundle.name, targets / bundle.name)
    with recorded_command("target_added", bundle.name) as entry:
        keep_version(folder)
        with _in_shadow(targets, bundle.name) if shadow else contextlib.nullcontext():
            added = install_bundle(bundle, folder)
        entry |= {"version": added.version, **({"state": _OBSERVED} if shadow else {}), **told}
    typer.echo(f"{added.name} {added.version} added{', ' + _OBSERVED if shadow else ''}")


@contextlib.contextmanager
def _in_shadow(targets: Path, name: str) -> Iterator[None]:
    """Have a target observed before it comes into a folder, and as it was before if it does not come."""
    from lethe.server.targets.rollout import change_deployment, put_back_deployment, read_deployment

    targets.mkdir(parents=True, exist_ok=True)
    before = read_deployment(targets).get(name)
    change_deployment(targets, name, enabled=True, action="observe")
    try:
        yield
    except BaseException:
        put_back_deployment(targets, name, before)
        raise


@app.command("versions")
def versions(name: TargetArgument, targets: TargetsFolder = None) -> None:
    """Show the version of a target's bundle, and the earlier ones that are kept."""
    from lethe.bundle import BundleError, kept_versions, load_bundle

    def looked_at(bundle: Path) -> tuple[str, str]:
        """Its version, and from where on it flags; where one is damaged, the others are what is wanted."""
        try:
            found = load_bundle(bundle)
        except BundleError:
            return "", "damaged"
        return found.version, f"{found.manifest.threshold:g}"

    with reported():
        folder = bundle_folder(targets_folder(targets), name)
        table = table_of("version", "replaced", "flags from")
        now, flags_from = looked_at(folder)
        table.add_row(now, "in place", flags_from)
        for kept in kept_versions(folder):
            if kept.version != now:
                table.add_row(kept.version, f"{kept.replaced:%Y-%m-%d %H:%M}", looked_at(kept.folder)[1])
        show(table)


@app.command("rollback")
def rollback(
    name: TargetArgument,
    version: Annotated[str, typer.Argument(help="One that `lethe targets versions` shows.")],
    targets: TargetsFolder = None,
) -> None:
    """Put an earlier version of a target's bundle back in its place; the one that stands there is kept."""
    from lethe.bundle import restore_version

    with reported():
        folder = bundle_folder(targets_folder(targets), name)
        with recorded_command("target_rolled_back", name) as entry:
            restored = restore_version(folder, version)
            entry["version"] = restored.version
        typer.echo(f"{restored.name} is version {restored.version} again")


@app.command("remove")
def remove(name: TargetArgument, targets: TargetsFolder = None) -> None:
    """Take a target out and delete its bundle, with the earlier versions that are kept."""
    from lethe.bundle import forget_versions, remove_bundle
    from lethe.server.targets.rollout import forget_deployment

    with reported():
        folder = targets_folder(targets)
        bundle = bundle_folder(folder, name)
        with recorded_command("target_removed", name):
            # Without what the operator has said of it, a target that is disabled would be in force while it is here.
            remove_bundle(bundle)
            forget_deployment(folder, name)
            forget_versions(bundle)
        typer.echo(f"{name} removed")


@app.command("enable")
def enable(name: TargetArgument, percent: Percent = None, targets: TargetsFolder = None) -> None:
    """Put a target in force with its bundle's own action."""
    _change(targets, name, enabled=True, action=None, **_given(percent))


@app.command("disable")
def disable(name: TargetArgument, targets: TargetsFolder = None) -> None:
    """Take a target out of force and keep its bundle."""
    _change(targets, name, enabled=False)


@app.command("shadow")
def shadow(name: TargetArgument, targets: TargetsFolder = None) -> None:
    """Only observe a target: its prompts are counted and recorded, and answered as they are."""
    _change(targets, name, enabled=True, action="observe")


@app.command("refuse")
def refuse(name: TargetArgument, percent: Percent = None, targets: TargetsFolder = None) -> None:
    """Refuse what is flagged for a target, whatever its bundle would do: what leaks through it leaks no more."""
    _change(targets, name, enabled=True, action="refuse", **_given(percent))


@app.command("answers")
def answers(
    name: TargetArgument,
    policy: Annotated[
        str, typer.Argument(help="guard (act on what tells of it), observe, or off (not judged).")
    ],
    targets: TargetsFolder = None,
) -> None:
    """Say what becomes of answers that tell of a target; only one with a head for answers judges any."""
    _change(targets, name, answers=policy)


def _change(targets: Path | None, name: str, **changes: Any) -> None:
    from lethe.server.targets.rollout import change_deployment

    with reported():
        folder = targets_folder(targets)
        bundle_folder(folder, name)
        with recorded_command("target_changed", name) as entry:
            how = change_deployment(folder, name, **changes)
            entry["state"] = _state(how)
        typer.echo(f"{name} {entry['state']}")


def _state(how: "TargetDeployment") -> str:
    if not how.enabled:
        return "disabled"
    share = "" if how.percent == 100 else f" for {how.percent:g} % of the keys"
    answers = "" if how.answers == "guard" else f", answers {how.answers.value}"
    done = {None: "enabled", "observe": _OBSERVED, "refuse": "refused"}.get(
        how.action, f"enabled ({how.action})"
    )
    return done + share + answers


def _given(percent: float | None) -> dict[str, Any]:
    return {} if percent is None else {"percent": percent}
