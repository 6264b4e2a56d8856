"""The Assay server."""
