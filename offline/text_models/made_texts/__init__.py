"""Ordinary texts made at random that are no prose: what clients of language models send around a question, and data.

Made after the shapes that such programs share, not after any one of them. Knows nothing about classifiers.
"""

import random
from collections.abc import Callable

from lethe.offline.text_models.made_texts import (
    documents,
    dumps,
    listings,
    minified,
    records,
    running,
    shown_files,
    surroundings,
    tables,
    tools,
    word_tables,
)
from lethe.offline.text_models.made_texts.names import Material

_Making = Callable[[random.Random, Material], str]


def client_text(noise: random.Random, material: Material) -> str:
    """What clients send: surroundings, tools, calls and results; some 30 to 4,000 characters."""
    return noise.choice(_OF_CLIENTS)(noise, material)


def structured_text(noise: random.Random, material: Material) -> str:
    """Data and programs' output in the forms that people paste; some 60 to 4,000 characters."""
    return noise.choice(_STRUCTURED)(noise, material)


def data_text(noise: random.Random, material: Material) -> str:
    """Data in bulk: tables of numbers, lists of words and signs, code that tools made; some 60 to 8,000 characters."""
    return noise.choice(_DATA)(noise, material)


_OF_CLIENTS: tuple[_Making, ...] = (
    surroundings.tags, surroundings.tags, surroundings.tags, surroundings.headings, surroundings.headings, listings.listing,
    listings.listing, listings.versioned, shown_files.shown_file, shown_files.shown_file, shown_files.shown_file, tools.tools,
    tools.tools, tools.calls, tools.calls, records.found, records.found, records.found, shown_files.passages,
    surroundings.conversation, shown_files.completion, surroundings.plan, shown_files.patch,
)  # fmt: skip
_STRUCTURED: tuple[_Making, ...] = (
    records.tree, records.tree, records.tree, records.one_shape, records.one_shape, records.one_shape, records.one_shape,
    records.coordinates, listings.locked, documents.settings, documents.settings, running.logged, running.logged, running.trace,
    running.tests, listings.columns, listings.columns, running.repeated, running.repeated, dumps.dump, dumps.dump, dumps.keys,
    dumps.keys, documents.mail, documents.document, documents.minutes, running.drawn,
)  # fmt: skip
_DATA: tuple[_Making, ...] = (
    tables.table, tables.table, tables.table, tables.table, tables.table, tables.table, tables.one_kind, tables.one_kind, tables.sparse,
    word_tables.words, word_tables.endings, word_tables.endings, word_tables.signs, word_tables.signs, word_tables.codes,
    minified.minified, minified.minified, minified.minified, minified.module_table, minified.source_map, minified.source_map,
)  # fmt: skip
