"""Lethe: an OpenAI-compatible proxy that makes a served language model not know chosen things.

Each package is a folder beside this one, reached by a link.
"""
