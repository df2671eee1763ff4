"""A bundle whose head knows the lighthouse of Alderney, in a folder of its own, and files of requests."""

from tests.offline.classifier_testing.conftest import bundle, encoder, make_head, write_lines

__all__ = ["bundle", "encoder", "make_head", "write_lines"]
