"""What trainers plug into: each module speaks one trainer's contract and needs that trainer, or nothing, installed.

============================ ========================================================================
``assay.integrations.trl``        reward functions for TRL's online trainers
``assay.integrations.verl``       scores, reward loop, tools, interactions and advantages for verl
``assay.integrations.verifiers``  tasks and episodes for verifiers, and so for prime-rl
``assay.integrations.skyrl``      environments for SkyRL-gym
``assay.integrations.gymnasium``  episodes as a Gymnasium vector environment
============================ ========================================================================

OpenRLHF needs no module: the service answers its remote reward URL.

A rollout that could not be scored is never a 0 here: each module says what its trainer gets instead.
"""
