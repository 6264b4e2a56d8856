"""``POST /v1/Service/Method``: unary methods answer with JSON, those that stream answers with events."""

from __future__ import annotations

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assay_server.api.http.answers import answer_text
from assay_server.api.http.bodies import read_message
from assay_server.api.http.dispatch import Dispatch
from assay_server.api.http.events import EventStream, answered_events
from assay_server.api.http.routes import Answer, Endpoint, post
from assay_server.api.methods import path_of, services, unimplemented
from assay_server.pipeline.failures import Code, Failure

_INSTEAD = {
    "StreamRollouts": "GET /v1/runs/RUN/consumers/CONSUMER:results and POST ...:send, ...:ack",
    "Interact": "POST /v1/EnvironmentService/Step, or the WebSocket /openenv/ENVIRONMENT/ws",
}


def http_path(method: MethodDescriptor) -> str:
    """Where a method is served."""
    return f"/v1/{method.containing_service.name}/{method.name}"


def call_routes(dispatch: Dispatch) -> list[Route]:
    """A route for every method of the contract."""
    return [
        post(http_path(method), _endpoint(dispatch, method)) for service in services() for method in service.methods
    ]


def _endpoint(dispatch: Dispatch, method: MethodDescriptor) -> Endpoint:
    path = path_of(method)
    asked: type[Message] = GetMessageClass(method.input_type)
    answered: type[Message] = GetMessageClass(method.output_type)

    async def unary(request: Request) -> Answer:
        dispatch.admit(request, path)
        data = await dispatch.call_bytes(request, path, await read_message(request, asked))
        return Response(await answer_text(data, answered), media_type="application/json")

    async def streaming(request: Request) -> Answer:
        dispatch.admit(request, path)
        answers = dispatch.answers(request, path, await read_message(request, asked))
        return await EventStream(answered_events(answers)).begun()

    async def absent(request: Request) -> Answer:
        dispatch.admit(request, path)
        raise _absent(method)

    if path in dispatch.methods.unary:
        return unary
    return streaming if path in dispatch.methods.server_streams else absent


def _absent(method: MethodDescriptor) -> Failure:
    instead = _INSTEAD.get(method.name)
    if instead is None:
        return unimplemented(method)
    return Failure(Code.UNIMPLEMENTED, "UNIMPLEMENTED", f"{method.name} has streams both ways; over HTTP: {instead}")
