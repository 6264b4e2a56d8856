"""GRPO with TRL, rewards by the service. Not covered: a model that is worth training; choose yours by --model.

    pip install assay-client[trl] && assay serve &
    python trl_grpo.py --model Qwen/Qwen3-0.6B --tasks tasks.jsonl --reward math

Rows of the file are ``{"prompt": ..., "answer": ...}``; a prompt is a text or the messages of a conversation.
"""

from __future__ import annotations

import argparse

from datasets import load_dataset
from trl import GRPOConfig, GRPOTrainer

from assay.integrations.service import Scorer, Service
from assay.integrations.trl import AssayReward


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--tasks", required=True)
    parser.add_argument("--reward", default="math")
    parser.add_argument("--target", default="localhost:50051")
    chosen = parser.parse_args()

    trainer = GRPOTrainer(
        model=chosen.model,
        # None where a completion could not be scored: TRL leaves it out of its group.
        reward_funcs=AssayReward(Scorer(Service(chosen.target), chosen.reward), reference="answer"),
        args=GRPOConfig(output_dir="out", num_generations=8, logging_steps=1),
        train_dataset=load_dataset("json", data_files=chosen.tasks, split="train"),
    )
    trainer.train()


if __name__ == "__main__":
    main()
