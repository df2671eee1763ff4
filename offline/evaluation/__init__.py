"""The benchmarks of unlearning, over any `lethe.offline.language_models.LanguageModel`.

One harness serves the bare engine, the guarded one, an adapter or another method, so that one table compares them.
"""
