"""Estimators: from rewards and step groups to advantages. Pure NumPy."""
