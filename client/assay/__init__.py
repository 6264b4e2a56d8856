"""Assay: send rollouts, get rewards, step groups and advantages back."""
