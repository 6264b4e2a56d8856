"""Which groups are kept and which prompts come next. Pure."""
