"""The parts of the fake trainer: what is sampled, the ranks, the driver, the place where they run, the checks."""
