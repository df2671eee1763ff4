"""Looks at what lies on this machine: bundles, keys, audit log, certificate, and the room on disks."""

import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from lethe.bundle import Bundle, DamagedBundle, survey_bundles
from lethe.classifier.encoders.files import find_encoder
from lethe.server.access.key_file import read_clients
from lethe.server.access.keys import administrators
from lethe.server.audit.files import audit_files, last_link, read_key, verify
from lethe.server.diagnosis.check import Observation, doubtful, faulty, looked, well
from lethe.server.listening import Certificate
from lethe.server.settings.settings import Settings
from lethe.server.targets.rollout import read_deployment
from lethe.server.targets.targets import load_targets

# Bytes. A log of decisions fills the first within a day of much traffic; below the second nothing can be written soon.
_LITTLE_ROOM, _NO_ROOM = 2 << 30, 100 << 20
_EXPIRES_SOON_DAYS = 14
# Reading more of a log takes a minute and more.
_MOST_VERIFIED = 2 << 30


def check_files(settings: Settings) -> Iterator[Observation]:
    """All looks at files that the settings name."""
    yield looked("bundles", lambda: _bundles(settings.targets, settings.signers))
    yield looked("encoder", lambda: _encoder(settings))
    yield looked("keys", lambda: _keys(settings))
    yield looked("audit", lambda: _audit(settings.audit.folder))
    if settings.tls.cert is not None:
        yield looked("certificate", lambda: _certificate(settings))
    for name, folder in _written_to(settings).items():
        yield looked(f"disk for {name}", lambda name=name, folder=folder: _disk(name, folder))


def _bundles(folder: Path, signers: Path | None) -> Observation:
    found = survey_bundles(folder)
    deployment = read_deployment(folder)
    damaged = [each for each in found if isinstance(each, DamagedBundle)]
    enabled = [each for each in damaged if each.name not in deployment or deployment[each.name].enabled]
    if enabled:
        return faulty("bundles", "; ".join(str(each.fault) for each in enabled))
    targets = load_targets(folder, signers)
    shown = ", ".join(f"{each.name} {each.version} {each.action.value}" for each in targets)
    if not shown:
        return doubtful("bundles", f"none in force in {folder}, so nothing is guarded")
    off = len(found) - len(damaged) - len(tuple(targets))
    rest = f"; {off} disabled or of no effect" if off else ""
    if damaged:
        return doubtful(
            "bundles",
            f"in force: {shown}; damaged and disabled: {', '.join(each.name for each in damaged)}{rest}",
        )
    return well("bundles", f"in force{', signed' if signers else ''}: {shown}{rest}")


def _encoder(settings: Settings) -> Observation:
    files = find_encoder(settings.classifier.encoder)
    others = {
        each.name: each.manifest.encoder.id
        for each in survey_bundles(settings.targets)
        if isinstance(each, Bundle)
        and each.manifest.encoder
        and each.manifest.encoder.sha256 != files.sha256
        and not each.manifest.encoder.id.startswith("classifier/")
    }
    if others:
        named = ", ".join(f"{name} stands on {encoder}" for name, encoder in others.items())
        return faulty("encoder", f"{settings.classifier.encoder} is another one than bundles need: {named}")
    return well("encoder", f"{settings.classifier.encoder}, {files.sha256[:12]}")


def _keys(settings: Settings) -> Observation:
    path = settings.keys
    if path is None:
        where = settings.unix_socket or settings.host
        local = settings.unix_socket is not None or settings.host in ("127.0.0.1", "localhost", "::1")
        words = f"none, so everybody who reaches {where} is served and nobody may administer"
        return well("keys", words) if local else doubtful("keys", words)
    clients = read_clients(path)
    keys, now = clients.keys, datetime.now(UTC)
    valid = [key for key in keys if key.valid_at(now)]
    if not valid:
        return faulty("keys", f"{path} holds no valid key, so nobody is served; make one: lethe keys create")
    soon = [key.id for key in valid if key.expires and (key.expires - now).days < _EXPIRES_SOON_DAYS]
    words = f"{len(valid)} valid of {len(keys)} in {path}, {len(administrators(keys))} of administrators"
    if stat.S_IMODE(path.stat().st_mode) & 0o022:
        return doubtful("keys", f"{words}; others may write {path}: chmod go-w {path}")
    if soon:
        return doubtful("keys", f"{words}; within {_EXPIRES_SOON_DAYS} days expire: {', '.join(soon)}")
    there = {each.name for each in survey_bundles(settings.targets)}
    named = {name for each in (*valid, *clients.teams.values()) for name in (*each.exempt, *each.targets)}
    if absent := sorted(named - there):
        return doubtful(
            "keys",
            f"{words}; keys or teams are held to something for targets that there are not: {', '.join(absent)}",
        )
    return well("keys", words)


def _audit(folder: Path | None) -> Observation:
    if folder is None:
        return doubtful("audit", "no log of decisions is kept; audit.folder names a folder for one")
    files = audit_files(folder)
    if not files:
        # Commands may have a log of their own in it before any proxy has started.
        return doubtful("audit", f"{folder} holds no decisions yet; a proxy writes them from its start on")
    size = sum(path.stat().st_size for path in files)
    key = read_key(folder)
    if size > _MOST_VERIFIED:
        last, _ = last_link(folder)
        return doubtful(
            "audit", f"{last.number} entries, {size >> 20} MiB, not verified here: lethe audit verify"
        )
    return well("audit", f"{verify(folder, key).number} entries, no seal broken")


def _certificate(settings: Settings) -> Observation:
    Certificate(settings.tls).load()
    assert settings.tls.cert is not None
    until = _expiry(settings.tls.cert)
    days = (until - datetime.now(UTC)).days
    words = f"{settings.tls.cert} is valid until {until:%Y-%m-%d}"
    if days < 0:
        return faulty("certificate", f"{settings.tls.cert} expired on {until:%Y-%m-%d}")
    return doubtful("certificate", words) if days < _EXPIRES_SOON_DAYS else well("certificate", words)


def _expiry(certificate: Path) -> datetime:
    """When the first of a chain's certificates expires."""
    chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    return min(each.not_valid_after_utc for each in chain)


def _written_to(settings: Settings) -> dict[str, Path]:
    folders = {
        "the cache": settings.cache_dir,
        "the audit log": settings.audit.folder,
        "feedback": settings.feedback.folder,
        "scores": settings.classifier.score_sample.folder,
    }
    return {name: folder for name, folder in folders.items() if folder is not None}


def _disk(name: str, folder: Path) -> Observation:
    there = folder
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    words = f"{free / (1 << 30):.1f} GiB free at {folder}"
    subject = f"disk for {name}"
    if free < _NO_ROOM:
        return faulty(subject, words)
    return doubtful(subject, words) if free < _LITTLE_ROOM else well(subject, words)
