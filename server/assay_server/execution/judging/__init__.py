"""The Judge port: questions to models behind OpenAI-compatible endpoints that the operator names in a catalogue."""

from assay_server.execution.judging.asking_process import AskingProcess
from assay_server.execution.judging.catalogue import Endpoint, EndpointSettings, InvalidJudges, load_judges
from assay_server.execution.judging.port import CatalogueJudge

__all__ = ["AskingProcess", "CatalogueJudge", "Endpoint", "EndpointSettings", "InvalidJudges", "load_judges"]
