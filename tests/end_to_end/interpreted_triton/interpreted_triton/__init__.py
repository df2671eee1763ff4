"""A backend of Triton named ``cpu``, which vLLM's CPU build asks for before it uses Triton.

It compiles nothing: with ``TRITON_INTERPRET=1`` Triton's own interpreter runs every kernel. Triton finds it by its entry
point where this module's folder is on ``PYTHONPATH``.
"""
