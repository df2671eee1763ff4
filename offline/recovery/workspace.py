"""A chain laid open: its vectors, its domains, and the model that they are put into."""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from lethe.bundle.files import replace_file
from lethe.offline.language_models.encoding import PromptEncoder
from lethe.offline.recovery.attribution import attributed
from lethe.offline.recovery.chain import ChainFile
from lethe.offline.recovery.checkpoints import Checkpoints
from lethe.offline.recovery.conflict import CoordinateEvidence
from lethe.offline.recovery.domain import Domain, each_of
from lethe.offline.recovery.errors import RecoveryError
from lethe.offline.recovery.parameters import Layout
from lethe.offline.recovery.questions import question_domain, read_questions
from lethe.offline.recovery.rollback import means
from lethe.offline.recovery.routes import RouteMap, UnitValues, activity
from lethe.offline.recovery.sensitivity import OnExample, Sensitivity, sensitivity
from lethe.offline.training.fine_tuning import save_model


class Workspace:
    """What the jobs work on.

    Parameters
    ----------
    harmed
        Name of the domain to recover; the first stage where None.
    folder
        Where everything is written.

    Raises
    ------
    RecoveryError
        The chain cannot be used, or the folder holds the results of another one.
    """

    def __init__(self, chain: ChainFile, harmed: str | None, folder: Path) -> None:
        self.chain = chain
        self.number = chain.stage_number(harmed)
        self.folder = folder
        self.checkpoints = Checkpoints(chain)
        self._questions = [read_questions(stage) for stage in chain.stages]
        self._refuse_other_results()
        # Attention that can be differentiated twice.
        self.model: Any = AutoModelForCausalLM.from_pretrained(
            chain.base, dtype=torch.float32, attn_implementation="eager"
        )
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model.to(self.device).eval()
        unknown = sorted(self.layout.shapes.keys() - dict(self.model.named_parameters()).keys())
        if unknown:
            raise RecoveryError(
                f"{chain.base} stores {unknown[0]}, which the loaded model knows under another name; "
                "save the chain again with this version of transformers"
            )

    @property
    def harmed(self) -> str:
        """Name of the domain to recover."""
        return self.chain.stages[self.number - 1].name

    @property
    def layout(self) -> Layout:
        return self.checkpoints.layout

    @cached_property
    def origin(self) -> Tensor:
        """Parameters after the harmed domain's stage, shape (N,)."""
        return self.vector(self.number)

    @cached_property
    def edit(self) -> Tensor:
        """What all later stages changed, shape (N,)."""
        return self.final - self.origin

    @cached_property
    def final(self) -> Tensor:
        """Parameters at the end of the chain, shape (N,)."""
        return self.vector(len(self.chain.stages))

    def vector(self, number: int) -> Tensor:
        """Parameters after stage `number`, of the base for 0; shape (N,)."""
        return self.checkpoints.vector(number).to(self.device)

    @cached_property
    def domains(self) -> dict[str, Domain]:
        """The harmed domain and all later ones, by name."""
        encoder = PromptEncoder.from_pretrained(str(self.chain.base))
        found = {}
        for before, stage in enumerate(self.chain.stages):
            if before < self.number - 1:
                continue
            if stage.goal == "forget":
                self.layout.write(self.model, self.vector(before))
            found[stage.name] = question_domain(stage, self._questions[before], encoder, self.model)
        return found

    def scores(self, parameters: Tensor, part: str) -> dict[str, float]:
        """Score of every domain on its ``held_out`` or ``test`` examples, at some parameters (N,)."""
        return means(self.example_scores(parameters, part))

    def example_scores(self, parameters: Tensor, part: str) -> dict[str, list[float]]:
        """The same of each of the examples."""
        self.layout.write(self.model, parameters)
        return {
            name: each_of(domain.scores, self.model, getattr(domain, part)).tolist()
            for name, domain in self.domains.items()
        }

    def sensitivity(self, on_example: OnExample = lambda _done, _total: None) -> Sensitivity:
        """How the harmed domain's loss answers to a move, from its stage's end; computed once and kept."""
        path = self.folder / "sensitivity.safetensors"
        if path.is_file():
            return Sensitivity(**load_file(path, device=str(self.device)))
        self.layout.write(self.model, self.origin)
        domain = self.domains[self.harmed]
        found = sensitivity(self.model, domain.losses, domain.fit, self.layout, self.edit, on_example)
        replace_file(path, lambda temporary: save_file(vars(found), temporary))
        return found

    @cached_property
    def routes(self) -> RouteMap:
        return RouteMap.of(self.model, self.layout)

    @cached_property
    def activities(self) -> dict[str, UnitValues]:
        """Activity of every unit on each domain's examples to fit, at the end of the domain's own stage."""
        found = {}
        for number, name in enumerate(self.domains, start=self.number):
            self.layout.write(self.model, self.vector(number))
            domain = self.domains[name]
            found[name] = activity(self.model, domain, domain.fit, self.routes)
        return found

    def evidence(self, points: int, on_point: OnExample = lambda _done, _total: None) -> CoordinateEvidence:
        """What is known of the coordinates.

        Parameters
        ----------
        points
            See `attribution.attributed`.
        on_point
            Told the domains that are attributed, and of how many.
        """
        own, *later = self.domains
        preference = {}
        for block, values in self.activities[own].items():
            most = torch.stack([self.activities[name][block] for name in later]).amax(dim=0)
            preference[block] = values / (values + most).clamp_min(1e-30)
        harm, gain = self._attributed(points, on_point)
        route = self.routes.spread(preference, self.device)
        return CoordinateEvidence(self.edit, self.sensitivity().fisher, harm, gain, route, self.routes)

    def _attributed(self, points: int, on_point: OnExample) -> tuple[Tensor, Tensor]:
        """Each coordinate's part in what the harmed domain lost and the later ones gained; computed once and kept."""
        path = self.folder / f"attribution-{points}.safetensors"
        if path.is_file():
            found = load_file(path, device=str(self.device))
            return found["harm"], found["gain"]
        harm, gain = torch.zeros_like(self.edit), torch.zeros_like(self.edit)
        for done, (name, domain) in enumerate(self.domains.items(), start=1):
            part = attributed(
                self.model, domain.losses, domain.fit, self.layout, self.origin, self.edit, points
            )
            if name == self.harmed:
                harm += part
            else:
                gain -= part
            on_point(done, len(self.domains))
        replace_file(path, lambda temporary: save_file({"harm": harm, "gain": gain}, temporary))
        return harm, gain

    def save(self, parameters: Tensor, name: str) -> Path:
        """Write a model folder with some parameters (N,), in the precision that the base is stored in."""
        self.layout.write(self.model, parameters)
        stored = json.loads((self.chain.base / "config.json").read_text())
        dtype = getattr(torch, stored.get("dtype") or stored.get("torch_dtype") or "float32")
        encoder = PromptEncoder.from_pretrained(str(self.chain.base))
        save_model(self.model, encoder, self.folder / name, dtype)
        self.model.to(torch.float32)
        return self.folder / name

    def write_document(self, name: str, document: Mapping[str, Any]) -> None:
        """Put what a job found into the folder, as JSON."""
        replace_file(self.folder / name, json.dumps(document, indent=1) + "\n")

    def _refuse_other_results(self) -> None:
        path, found = self.folder / "chain.sha256", self._identity()
        if not path.is_file():
            replace_file(path, found + "\n")
        elif path.read_text().strip() != found:
            raise RecoveryError(
                f"{self.folder} holds the results of another chain, of other checkpoints or of another harmed stage; "
                "name another folder"
            )

    def _identity(self) -> str:
        """Digest of the chain, its questions, and the size and time of its weights."""
        folders = [self.chain.base, *(stage.checkpoint for stage in self.chain.stages)]
        weights = [path.stat() for folder in folders for path in sorted(folder.glob("*.safetensors"))]
        content = [
            self.chain.model_dump(mode="json"),
            self.harmed,
            [[question.model_dump(mode="json") for question in asked] for asked in self._questions],
            [(each.st_size, each.st_mtime_ns) for each in weights],
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
