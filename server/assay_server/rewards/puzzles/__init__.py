"""Logic puzzles and word games: verifiers of answers, and generators of tasks that can be solved."""
