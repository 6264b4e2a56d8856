"""What clients of the previous minor version may rely on."""
