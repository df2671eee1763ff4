"""Language models as the offline jobs see them: score an answer, generate one, with or without a corruption.

`interface` is the seam; `local` is a transformers model in this process, `engine` a vLLM server with the plugin,
`proxy` a running proxy. A job written against the seam runs on any of them.
"""

from lethe.offline.language_models.interface import (
    Choice,
    Examination,
    Generation,
    LanguageModel,
    LanguageModelError,
    Prompt,
    Scoring,
)

__all__ = ["Choice", "Examination", "Generation", "LanguageModel", "LanguageModelError", "Prompt", "Scoring"]
