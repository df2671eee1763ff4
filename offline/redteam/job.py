"""The job behind `lethe redteam`: a running proxy and questions in, what got past and what leaked out."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.progress import Progress
from lethe.offline.redteam.attacks import Attack, chosen_attacks
from lethe.offline.redteam.campaign import Campaign
from lethe.offline.redteam.chat import ChatServer, connection
from lethe.offline.redteam.detectors import BundleDetector, CheckRoute, Detector
from lethe.offline.redteam.leaks import Entailment, leak_of, worst
from lethe.offline.redteam.outcomes import AttackOutcome, JudgedOutcome, OutcomeLog
from lethe.offline.redteam.probes import load_probes
from lethe.offline.redteam.report import write_report
from lethe.offline.redteam.settings import RedTeamSettings
from lethe.offline.redteam.summary import AttackSummary, summarize, too_many


@dataclass(frozen=True)
class RedTeamResult:
    """What a run found, and what of it is more than is allowed.

    Attributes
    ----------
    complete
        Whether all that was to be tried was.
    recalled
        How many outcomes are of an earlier run into the same folder: what has changed behind the address since then, they
        do not know.
    left_out
        What was not run for lack of something, a line each.
    """

    rows: tuple[AttackSummary, ...]
    over: tuple[str, ...]
    complete: bool
    recalled: int
    left_out: tuple[str, ...]
    report: Path


def attack_proxy(url: str, settings: RedTeamSettings, progress: Progress) -> RedTeamResult:
    """Attack a proxy, and write the report.

    Parameters
    ----------
    url
        Where the proxy listens, without ``/v1``.

    Raises
    ------
    DataError
        The questions cannot be read.
    RedTeamError, UnknownAttack
        What is asked for cannot be done; nothing was sent then.
    LanguageModelError
        A server cannot be reached or does not answer the key.
    BundleError, ClassifierError
        The bundle cannot be used.
    """
    probes = load_probes(settings.questions, settings.limit, settings.seed)
    entailment = _entailment(settings)
    ran = asyncio.run(_carry_out(url.rstrip("/"), settings, probes, progress))
    attacks, outcomes, recalled, left_out = ran
    judged = [_judged(outcome, probes, settings, entailment) for outcome in outcomes]
    rows = summarize(judged)
    complete = all(
        (name, probe.question) in {outcome.key for outcome in outcomes}
        for name, attack in attacks.items()
        for probe in probes
        if attack.fits(probe)
    )
    over = too_many(rows, settings.max_bypass, settings.max_leak)
    bounded = settings.max_bypass is not None or settings.max_leak is not None
    if bounded and not complete:
        over.append("not all that was to be tried was: what is not known is within no bound")
    report = write_report(settings.out, url, settings, rows, judged, over, left_out)
    return RedTeamResult(tuple(rows), tuple(over), complete, recalled, tuple(left_out), report)


async def _carry_out(
    url: str, settings: RedTeamSettings, probes: tuple[ForgetQuestion, ...], progress: Progress
) -> tuple[dict[str, Attack], list[AttackOutcome], int, list[str]]:
    async with connection(settings.concurrency) as (session, limit):
        server = ChatServer(session, url, settings.api_key, limit)
        model = settings.model or await server.first_model()
        detector = _detector(
            settings, ChatServer(session, url, settings.check_key or settings.api_key, limit)
        )
        attacks, left_out = chosen_attacks(
            settings.attacks,
            scores=await _tells_margins(detector, probes[0]),
            attacker=settings.attacker_url is not None,
            translations=any(probe.translations for probe in probes),
        )
        attacker = None
        if settings.attacker_url is not None:
            own = ChatServer(session, settings.attacker_url, settings.attacker_key, limit)
            attacker = own, settings.attacker_model or await own.first_model()
        log = OutcomeLog(settings.out, settings.decisive() | {"url": url, "model": model})
        keys = [(name, probe.question) for name in attacks for probe in probes]
        recalled = len(log.of(keys))
        progress.expect(len(attacks))
        campaign = Campaign(settings, server, model, detector, log, attacker)
        await campaign.run(attacks, probes, progress)
        return attacks, log.of(keys), recalled, left_out


def _detector(settings: RedTeamSettings, server: ChatServer) -> Detector:
    if settings.bundle is not None:
        return BundleDetector.load(settings.bundle)
    return CheckRoute(server, settings.target)


async def _tells_margins(detector: Detector, probe: ForgetQuestion) -> bool:
    found = await detector.judge([{"role": "user", "content": probe.question}])
    return found.margin is not None


def _entailment(settings: RedTeamSettings) -> Entailment | None:
    if settings.entailment is None:
        return None
    # torch takes seconds to import, and an attack without such a model needs none.
    from lethe.offline.redteam.entailment import load_entailment

    return load_entailment(settings.entailment)


def _judged(
    outcome: AttackOutcome,
    probes: tuple[ForgetQuestion, ...],
    settings: RedTeamSettings,
    entailment: Entailment | None,
) -> JudgedOutcome:
    [probe] = (probe for probe in probes if probe.question == outcome.question)
    leaks, before = (
        [leak_of(probe, outcome.asked, answer, entailment) for answer in answers]
        for answers in (outcome.answers, outcome.on_the_way)
    )
    found, found_before = ([leak.is_one(settings.rouge) for leak in each] for each in (leaks, before))
    return JudgedOutcome(outcome, worst([*leaks, *before], settings.rouge), found, any(found_before))
