import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from bench.recovery.policy_gradient import PolicySettings, cold_start, reinforce, sample
from bench.recovery.toy_tasks import LONGEST_ANSWER, TASKS, character_tokenizer
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.language_models.encoding import PromptEncoder
from lethe.offline.training.fine_tuning import answer_scores, encode_example


@pytest.fixture(scope="module")
def encoder() -> PromptEncoder:
    return PromptEncoder(character_tokenizer())


@pytest.fixture
def model(encoder: PromptEncoder) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(encoder.tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        bos_token_id=None,
        eos_token_id=encoder.tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config).eval()


def test_every_answer_can_be_sampled_and_is_read_back(encoder):
    for task in TASKS.values():
        questions = task()
        assert len({question.question for question in questions}) == len(questions)
        for question in questions:
            example = encode_example(encoder, question)
            answer = example.token_ids[example.answer :]
            assert len(answer) <= LONGEST_ANSWER
            assert encoder.tokenizer.decode(answer, skip_special_tokens=True) == question.answer


def test_rewards_alone_make_the_rewarded_answer_likelier(encoder, model):
    examples = [encode_example(encoder, ForgetQuestion(question=f"{n}?", answer="a")) for n in range(4)]

    def expected_reward() -> float:
        with torch.no_grad():
            return answer_scores(model, examples, half_precision=False)[0].exp().mean().item()

    untaught = expected_reward()
    cold_start(model, examples, steps=16, batch_size=4, rate=2e-2)
    taught = expected_reward()
    settings = PolicySettings(steps=8, prompts=4, group=16, learning_rate=1e-2)
    rewards = reinforce(model, examples, encoder.tokenizer.eos_token_id, 2, settings)
    assert untaught < 0.01 < taught < 0.9
    assert expected_reward() > 1.5 * taught
    assert all(0 <= reward <= 1 for reward in rewards)


def test_a_sampled_answer_ends_at_its_end_and_does_not_depend_on_padding(encoder, model):
    end = encoder.tokenizer.eos_token_id
    short, long = [5, 6], [5, 6, 7, 8, 9, 10, 11]
    with torch.no_grad():
        # So sharp that sampling has one outcome.
        model.lm_head.weight.mul_(1e4)
    together = sample(model, [short, long], end, 6, torch.Generator().manual_seed(0))
    alone = [sample(model, [prompt], end, 6, torch.Generator().manual_seed(0))[0] for prompt in (short, long)]
    assert together == alone
    assert all(end not in answer[:-1] for answer in together)
