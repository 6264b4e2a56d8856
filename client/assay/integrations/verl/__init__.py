"""verl: a score file, a reward loop, a tool, an interaction, and advantages of the service.

================================ ==================================================== =============
``verl.scores``                  ``custom_reward_function.path`` / ``name``           nothing
``verl.reward_loop``             ``reward.reward_manager`` (source ``importlib``)     verl
``verl.environment_tool``        ``multi_turn.tool_config_path``                      verl
``verl.interaction``             ``multi_turn.interaction_config_path`` (before 0.9)  nothing
``verl.step_groups``             GiGPO on a batch of steps                            numpy
``verl.estimators``              ``algorithm.adv_estimator=assay``                    verl
================================ ==================================================== =============

verl has no word for "could not be scored": see :class:`assay.integrations.verl.scores.Unscored` for the choices.
"""
