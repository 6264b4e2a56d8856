"""ALFWorld text games: a clean-room engine."""
