"""What is neither data nor an error: a greeting, and echoes, one of them over a WebSocket."""

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from howdah.kit.camel import CamelModel
from howdah.kit.fastapi import Caller

router = APIRouter(tags=["ext"])


class Echo(CamelModel):
    text: str
    asked_by: str


@router.get("/")
async def greet() -> dict[str, str]:
    return {"message": "Hello from howdah"}


@router.get("/ext/echo")
async def echo(caller: Caller, text: str = "") -> Echo:
    return Echo(text=text, asked_by=caller.role)


@router.websocket("/ws")
async def echo_all(socket: WebSocket):
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        return
