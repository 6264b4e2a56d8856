"""The command line: JSON Lines in and out, an embedded server unless another one is named."""


def main() -> None:
    """Entry point of the console script ``assay``."""
    from assay_server.cli.app import app

    app(prog_name="assay")
