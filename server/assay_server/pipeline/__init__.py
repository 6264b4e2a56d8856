"""From accepted rollouts to delivered results: the order of things, and nothing about what a reward means."""
