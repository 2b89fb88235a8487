"""A student of the class as the hub sees one: a login, a server, a kernel, messages from and to widgets.

Everything goes through the hub's proxy in the messages that JupyterLab exchanges, binary frames included.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from functools import partial
from http.cookies import SimpleCookie
from urllib.parse import quote, urlencode

import nbformat
from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1, serialize_msg_to_ws_v1
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

AsyncHTTPClient.configure(None, max_clients=100)  # a whole class from one process
PATIENCE = 300.0
"""Seconds within which anything must answer, on a machine that has much else to do."""
PROTOCOL = "v1.kernel.websocket.jupyter.org"
SLIDERS = ("IntSliderModel", "FloatSliderModel")


class Gone(Exception):
    """The kernel, or the server that carried its messages, is no more."""


class Student:
    """Somebody with a name and the class's password. Use in this order: `log_in`, `start`, `open`, `run`."""

    def __init__(self, hub: str, name: str, password: str) -> None:
        self.hub, self.name, self.password = hub, name, password
        self.token = ""
        self.kernel = ""
        self.models: dict[str, dict] = {}  # the widgets by comm id: their state as the kernel has told it
        self.printed: list[str] = []
        self._socket: WebSocketClientConnection | None = None
        self._reader: asyncio.Task | None = None
        self._session = uuid.uuid4().hex
        self._waiting: list[tuple] = []  # (condition on a message, future)
        self._home: dict[str, float] = {}  # where the sliders were first

    async def fetch(
        self, path: str, method: str = "GET", body: dict | str | None = None, **options
    ) -> HTTPResponse:
        """Ask the hub or a server behind it; any status is an answer."""
        headers = {"Authorization": f"token {self.token}"} if self.token else {}
        headers.update(options.pop("headers", {}))
        if isinstance(body, dict):
            headers["Content-Type"], body = "application/json", json.dumps(body)
        request = HTTPRequest(
            self.hub + path,
            method,
            headers,
            body,
            request_timeout=PATIENCE,
            connect_timeout=PATIENCE,
            allow_nonstandard_methods=True,
            **options,
        )
        return await AsyncHTTPClient().fetch(request, raise_error=False)

    async def log_in(self) -> None:
        """Through the login form, as a browser does; then a token of one's own for what follows."""
        form = await self.fetch("/hub/login")
        cookies = _cookies(form)
        answer = await self.fetch(
            "/hub/login",
            "POST",
            urlencode({"username": self.name, "password": self.password, "_xsrf": cookies["_xsrf"]}),
            headers={"Cookie": _line(cookies), "Content-Type": "application/x-www-form-urlencoded"},
            follow_redirects=False,
        )
        if answer.code != 302:
            raise PermissionError(f"{self.name} may not log in: {answer.code}")
        cookies |= _cookies(answer)
        home = await self.fetch("/hub/home", headers={"Cookie": _line(cookies)}, follow_redirects=False)
        cookies |= _cookies(home)
        answer = await self.fetch(
            f"/hub/api/users/{self.name}/tokens",
            "POST",
            {"note": "the test of the hub"},
            headers={"Cookie": _line(cookies), "X-XSRFToken": cookies["_xsrf"]},
        )
        assert answer.code == 201, (answer.code, answer.body)
        self.token = json.loads(answer.body)["token"]

    async def start(self) -> None:
        """Ask for the server and wait until it is there."""
        answer = await self.fetch(f"/hub/api/users/{self.name}/server", "POST", {})
        end = time.monotonic() + PATIENCE
        while answer.code != 201 and time.monotonic() < end:
            await asyncio.sleep(0.3)
            user = json.loads((await self.fetch(f"/hub/api/users/{self.name}")).body)
            if user["servers"].get("", {}).get("ready"):
                return
        assert answer.code == 201, f"The server of {self.name} did not start: {answer.code} {answer.body!r}"

    async def pull(self, repository: str) -> None:
        """What a link of nbgitpuller does: have the chapters in one's own folder."""
        asked = urlencode({"repo": repository, "branch": "main", "targetpath": "learning-to-learn"})
        answer = await self.fetch(f"/user/{self.name}/git-pull/api?{asked}")
        assert b'"phase": "finished"' in answer.body, (self.name, answer.code, answer.body[-500:])

    async def open(self, chapter: str) -> list[str]:
        """Open a notebook with its kernel; returns the code of its cells."""
        place = f"learning-to-learn/chapters/{chapter}.ipynb"
        answer = await self.fetch(f"/user/{self.name}/api/contents/{quote(place)}")
        assert answer.code == 200, (self.name, place, answer.code, answer.body[:300])
        notebook = nbformat.from_dict(json.loads(answer.body)["content"])
        asked = {"path": place, "name": chapter, "type": "notebook", "kernel": {"name": "python3"}}
        answer = await self.fetch(f"/user/{self.name}/api/sessions", "POST", asked)
        assert answer.code == 201, (self.name, answer.code, answer.body[:300])
        self.kernel = json.loads(answer.body)["kernel"]["id"]
        await self._connect()
        return [cell.source for cell in notebook.cells if cell.cell_type == "code"]

    async def _connect(self) -> None:
        address = self.hub.replace("http", "ws", 1)
        request = HTTPRequest(
            f"{address}/user/{self.name}/api/kernels/{self.kernel}/channels?session_id={self._session}",
            headers={"Authorization": f"token {self.token}"},
            connect_timeout=PATIENCE,
            request_timeout=PATIENCE,
        )
        self._socket = await websocket_connect(request, subprotocols=[PROTOCOL], max_message_size=100 * 2**20)
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._socket is not None
        while (frame := await self._socket.read_message()) is not None:
            if isinstance(frame, str):
                continue
            channel, parts = deserialize_msg_from_ws_v1(frame)
            header, parent, _metadata, content = (json.loads(part) for part in parts[:4])
            kind = header["msg_type"]
            data = content.get("data", {})
            if kind == "comm_open":
                self.models[content["comm_id"]] = dict(data.get("state", {}))
            elif kind == "comm_msg" and data.get("method") == "update":
                self.models.setdefault(content["comm_id"], {}).update(data["state"])
            elif kind == "stream":
                self.printed.append(content["text"])
            self._tell((kind, parent.get("msg_id"), content))
        self._tell(None)

    def _tell(self, message: tuple | None) -> None:
        for wanted, future in list(self._waiting):
            if future.done():
                self._waiting.remove((wanted, future))
            elif message is None:
                future.set_exception(Gone(self.name))
            elif wanted(*message):
                future.set_result(message[2])

    async def _ask(self, kind: str, content: dict, answers) -> dict:
        """Send a message and wait for the first of which `answers(number, kind, parent, content)` is true,
        with the number of what was sent; returns its content."""
        number = uuid.uuid4().hex
        header = {"msg_id": number, "msg_type": kind, "session": self._session, "version": "5.3"}
        header |= {"username": self.name, "date": ""}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "buffers": []}
        frame = serialize_msg_to_ws_v1(message, "shell", pack=lambda part: json.dumps(part).encode())
        future: asyncio.Future = asyncio.get_running_loop().create_future()
        self._waiting.append((partial(answers, number), future))
        try:
            assert self._socket is not None
            await self._socket.write_message(frame, binary=True)
        except WebSocketClosedError:
            raise Gone(self.name) from None
        return await asyncio.wait_for(future, PATIENCE)

    async def run(self, code: str) -> str:
        """Run one cell to its end; returns what it printed. Raises RuntimeError with what went wrong."""
        before = len(self.printed)
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        reply = await self._ask(
            "execute_request",
            {**content, "allow_stdin": False},
            lambda number, kind, parent, _content: kind == "execute_reply" and parent == number,
        )
        if reply["status"] != "ok":
            raise RuntimeError(f"{self.name}: {reply.get('ename')}: {reply.get('evalue')}")
        await asyncio.sleep(0.05)  # output travels beside the reply
        return "".join(self.printed[before:])

    async def move(self) -> float:
        """Move the first slider of the laboratory there and back, by one step a call; returns the seconds
        until the new picture was here."""
        comm, slider = next(
            (comm, state) for comm, state in self.models.items() if state.get("_model_name") in SLIDERS
        )
        step = slider["step"] if slider["value"] + slider["step"] <= slider["max"] else -slider["step"]
        home = self._home.setdefault(comm, slider["value"])
        value = home if slider["value"] != home else home + step
        slider["value"] = value
        begun = time.monotonic()
        update = {"method": "update", "state": {"value": value}, "buffer_paths": []}
        await self._ask(
            "comm_msg",
            {"comm_id": comm, "data": update},
            # A picture comes together with its words, which name the slider's value.
            lambda _number, kind, _parent, content: (
                kind == "comm_msg" and "alt" in content["data"].get("state", {})
            ),
        )
        return time.monotonic() - begun

    def close(self) -> None:
        """Close the browser; the server goes on."""
        if self._reader is not None:
            self._reader.cancel()
        if self._socket is not None:
            self._socket.close()


def _cookies(answer: HTTPResponse) -> dict[str, str]:
    found: SimpleCookie = SimpleCookie()
    for line in answer.headers.get_list("Set-Cookie"):
        found.load(line)
    return {name: morsel.value for name, morsel in found.items()}


def _line(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
