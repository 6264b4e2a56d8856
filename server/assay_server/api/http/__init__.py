"""The HTTP door: the contract as JSON, streams as server-sent events, formats that trainers speak, probes, metrics."""
