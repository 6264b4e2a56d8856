"""Dialogues with somebody who knows facts that the policy has to ask for."""
