"""Sentence encoders: how each family turns text into tokens, and tokens into embeddings.

Knows model files, tokenizers and ONNX Runtime; knows nothing about targets and heads.
"""
