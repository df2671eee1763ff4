"""The small model, taught the target's facts until it answers on them: what a guard keeps from its clients can then be seen.

Its input embeddings stay those of the base model, so a bundle that was made for that one fits.
"""

from pathlib import Path

from transformers import AutoTokenizer

from bench.leaks_data import lessons
from bench.reproduction.command import Say
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.training.fine_tuning import FineTuningSettings, train

TEACHING = FineTuningSettings(epochs=6, batch_size=16, learning_rate=2e-3, adapter_rank=32)


def taught_model(cache: Path, say: Say) -> Path:
    """Teach the model, some twenty minutes on two cores, or find it taught.

    Parameters
    ----------
    cache
        Where it is kept.
    say
        Told of each epoch.
    """
    base = prepare_smollm2(cache)
    tokenizer = AutoTokenizer.from_pretrained(base)
    questions = [
        ForgetQuestion(
            question=tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True),
            answer=answer,
        )
        for messages, answer in lessons()
    ]
    return train(
        base,
        questions,
        TEACHING,
        cache / "bench" / "leaks" / "taught",
        lambda epoch, loss: say(f"taught: epoch {epoch} of {TEACHING.epochs}, loss {loss:.4f}"),
        # Conversations are rendered already.
        chat=False,
    )
