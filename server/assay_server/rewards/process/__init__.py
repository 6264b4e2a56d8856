"""Process rewards: what parts of a response, single steps and comparisons are worth."""
