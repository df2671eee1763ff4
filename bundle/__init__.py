"""Bundles: a target's artifacts in one folder, and the base model they were made for.

Knows the folder's layout, hashes and atomic replacement; knows nothing about what the artifacts mean.
"""

from lethe.bundle.base_model import BaseModel, read_base_model
from lethe.bundle.changes import Made, action_given, install_bundle, remove_bundle, update_bundle
from lethe.bundle.errors import BundleError
from lethe.bundle.manifest import Action, Manifest, check_target_name, read_manifest
from lethe.bundle.store import (
    Bundle,
    DamagedBundle,
    ModelArtifacts,
    is_in_place,
    load_bundle,
    load_bundles,
    survey_bundles,
)
from lethe.bundle.versions import (
    KeptVersion,
    forget_versions,
    keep_version,
    kept_versions,
    restore_version,
)

__all__ = [
    "Action",
    "BaseModel",
    "Bundle",
    "BundleError",
    "DamagedBundle",
    "KeptVersion",
    "Made",
    "Manifest",
    "ModelArtifacts",
    "action_given",
    "check_target_name",
    "forget_versions",
    "install_bundle",
    "is_in_place",
    "keep_version",
    "kept_versions",
    "load_bundle",
    "load_bundles",
    "read_base_model",
    "read_manifest",
    "remove_bundle",
    "restore_version",
    "survey_bundles",
    "update_bundle",
]
