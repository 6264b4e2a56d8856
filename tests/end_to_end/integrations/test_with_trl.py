# pyright: basic, reportMissingImports=false, reportMissingModuleSource=false
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
# The trainers are not installed where types are checked.
"""GRPOTrainer itself, with a policy of a few thousand weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from assay.integrations.service import Scorer, Service
from assay.integrations.trl import AssayReward
from assay.sdk.samples import Json

LETTERS = [chr(code) for code in range(32, 127)]


def truth(row: Mapping[str, object]) -> Mapping[str, Json]:
    return {"answer": str(row["answer"])} if row["answer"] else {}


@pytest.mark.extras
@pytest.mark.filterwarnings("ignore")
def test_grpo_trains_on_scores_and_leaves_out_what_has_none(service: Service, tmp_path: Path):
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from trl import GRPOConfig, GRPOTrainer

    words = {letter: number for number, letter in enumerate(LETTERS)} | {"<pad>": 95, "<eos>": 96}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=97, pad_token_id=95, eos_token_id=96, bos_token_id=96, **sizes)
    trainer = GRPOTrainer(
        model=LlamaForCausalLM(config),
        reward_funcs=AssayReward(Scorer(service), reference=truth),
        args=GRPOConfig(
            output_dir=str(tmp_path),
            max_steps=2,
            per_device_train_batch_size=4,
            num_generations=2,
            max_completion_length=4,
            use_cpu=True,
            bf16=False,
            report_to=[],
            logging_steps=1,
            save_strategy="no",
        ),
        train_dataset=Dataset.from_list([{"prompt": "A: ", "answer": "1"}, {"prompt": "B: ", "answer": ""}] * 2),
        processing_class=PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", unk_token="<pad>"
        ),
    )
    trainer.train()
    logs = [line for line in trainer.state.log_history if "reward" in line]
    assert [float(line["assay/unscored"]) for line in logs] == [0.5, 0.5]
    assert all(float(line["rewards/assay/mean"]) == float(line["reward"]) for line in logs)
