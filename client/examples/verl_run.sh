#!/usr/bin/env bash
# verl with rewards and advantages of the service. Not covered: paths of models and data, which are yours.
#   pip install assay-client[verl] && assay serve &
#   ./verl_run.sh actor_rollout_ref.model.path=... data.train_files=... data.val_files=...
set -euo pipefail
export ASSAY_TARGET=${ASSAY_TARGET:-localhost:50051}
# Registers assay_grpo, assay_rloo and assay_dr_grpo in every process of verl's.
export VERL_USE_EXTERNAL_MODULES=assay.integrations.verl.estimators

# A response that could not be scored is NaN, which the assay_* estimators leave out of its group.
exec python -m verl.trainer.main_ppo \
    algorithm.adv_estimator=assay_rloo \
    reward.reward_manager.source=importlib \
    reward.reward_manager.name=AssayRewardManager \
    reward.reward_manager.module.path=pkg://assay.integrations.verl.reward_loop \
    +reward.reward_kwargs.reward=math \
    +reward.reward_kwargs.unscored=nan \
    "$@"
