#!/usr/bin/env bash
# OpenRLHF with rewards of the service: it answers OpenRLHF's remote reward URL, so nothing is installed beside the trainer.
#   assay serve &
#   ./openrlhf_remote_reward.sh --actor.model_name_or_path ... --data.prompt_dataset ... --data.input_key prompt --data.label_key answer
set -euo pipefail
TOKEN=${ASSAY_TOKEN:-$(cat "${ASSAY_TOKEN_FILE:-$HOME/.config/assay/token}")}

# `eos` is taken off responses. Without `unscored` a response that could not be scored fails the call with its reason;
# OpenRLHF then has no reward for it. To go on with a number of your choice add &unscored=-1: extra_logs says which.
URL="http://any:$TOKEN@${ASSAY_HTTP:-localhost:8080}/get_reward?reward=${REWARD:-math}&eos=${EOS:-<|im_end|>}"
exec python -m openrlhf.cli.train_ppo_ray --reward.remote_url "$URL" "$@"
