"""Live episodes: worker processes that hold them, a journal that outlives them, and the engine between the two."""
