"""What runs inside a sandbox. Readable by the code that it runs: it holds no secret and decides nothing."""
