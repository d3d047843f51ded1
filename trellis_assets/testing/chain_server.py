"""A Subtensor node for tests: a websocket JSON-RPC server that lists one subnet, well or badly behaved."""

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from trellis_assets.testing.chain_metadata import RuntimeMetadata, without_listing_calls
from trellis_assets.testing.chain_subnet import ChainNeuron, metagraph_fields

SPEC_VERSION = 343
_RATE_LIMITED = -32999
_CALL_FAILED = -32603
# A drip sends this many bytes a second: the metadata alone would take days.
_DRIP_PER_S = 5


class Mode(StrEnum):
    """How the node behaves."""

    OK = "ok"
    SILENT = "silent"  # takes the connection, answers pings, never a call
    DEAD = "dead"  # takes the connection, never answers the handshake
    DRIP = "drip"  # answers a few bytes a second
    HTTP_429 = "429"
    HTTP_503 = "503"
    RATE_LIMIT = "rate_limit"  # answers each call with the error of a rate limiter
    DROPPED = "dropped"  # closes the connection in the middle of a read
    GARBAGE = "garbage"
    EMPTY = "empty"  # the subnet has no neurons
    MISSING_API = "missing_api"
    OLD_RUNTIME = "old_runtime"  # lists neurons by get_neurons_lite alone
    TRAP = "trap"  # the runtime panics in the call


@dataclass(slots=True)
class ChainState:
    """What the node says; may be changed while it serves.

    Attributes:
        price_rao: of one alpha; None: the call fails.
        genesis: the hash of block 0.
        calls: method names in the order they were asked for.
    """

    neurons: list[ChainNeuron]
    netuid: int = 17
    block: int = 7_000_000
    mode: Mode = Mode.OK
    price_rao: int | None = 20_000_000
    genesis: str = "0x" + "d5" * 32
    calls: list[str] = field(default_factory=list)
    connections: int = 0


class _RefusedCallError(Exception):
    """A JSON-RPC error: its code and its text."""


class _Node:
    def __init__(self, state: ChainState, metadata: RuntimeMetadata) -> None:
        self._state, self._metadata = state, metadata

    async def answer_handshake(self, connection: ServerConnection, _request: Request) -> Response | None:
        self._state.connections += 1
        match self._state.mode:
            case Mode.DEAD:
                await asyncio.Event().wait()
            case Mode.HTTP_429:
                return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "slow down\n")
            case Mode.HTTP_503:
                return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "not now\n")
        return None

    async def talk(self, connection: ServerConnection) -> None:
        async for text in connection:
            request = json.loads(text)
            self._state.calls.append(request["method"])
            match self._state.mode:
                case Mode.SILENT:
                    continue
                case Mode.DROPPED if request["method"] == "state_call":
                    await connection.close(1011, "going away")
                    return
                case Mode.GARBAGE:
                    await connection.send("<html>busy</html>")
                case Mode.DRIP:
                    await connection.send(_drip(self._respond(request)))
                case _:
                    await connection.send(self._respond(request))

    def _respond(self, request: dict[str, Any]) -> str:
        head = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            return json.dumps(head | {"result": self._result(request["method"], request.get("params") or [])})
        except _RefusedCallError as refusal:
            code, message = refusal.args
            return json.dumps(head | {"error": {"code": code, "message": message}})

    def _result(self, method: str, params: list[Any]) -> object:
        if self._state.mode is Mode.RATE_LIMIT:
            raise _RefusedCallError(_RATE_LIMITED, "Rate limit exceeded")
        block = self._state.block
        match method:
            case "system_chain":
                return "Bittensor"
            case "chain_getHead" | "chain_getFinalizedHead":
                return _hash(block)
            case "chain_getBlockHash":
                number = int(str(params[0]), 0) if params and params[0] is not None else block
                return self._state.genesis if number == 0 else _hash(number)
            case "chain_getHeader":
                header = {"parentHash": _hash(block - 1), "number": hex(block), "digest": {"logs": []}}
                return header | {"stateRoot": _hash(1), "extrinsicsRoot": _hash(2)}
            case "state_getRuntimeVersion":
                return {"specName": "node-subtensor", "specVersion": SPEC_VERSION, "transactionVersion": 1}
            case "state_call":
                return "0x" + self._runtime_call(params[0], bytes.fromhex(params[1].removeprefix("0x"))).hex()
        raise _RefusedCallError(-32601, f"Method not found: {method}")

    def _runtime_call(self, name: str, arguments: bytes) -> bytes:
        if name == "Metadata_metadata_at_version":
            option = self._metadata.option
            match self._state.mode:
                case Mode.MISSING_API:
                    return without_listing_calls(option)
                case Mode.OLD_RUNTIME:
                    return without_listing_calls(option, keeps_neurons_lite=True)
            return option
        if name == "SwapRuntimeApi_current_alpha_price" and self._state.price_rao is not None:
            return self._state.price_rao.to_bytes(8, "little")
        if self._state.mode is Mode.TRAP or not name.endswith(("metagraph", "mechagraph")):
            raise _RefusedCallError(_CALL_FAILED, "Client error: Execution failed: trap")
        netuid = int.from_bytes(arguments[:2], "little")
        is_known = netuid == self._state.netuid
        neurons = [] if self._state.mode is Mode.EMPTY else self._state.neurons
        fields = metagraph_fields(neurons, netuid=netuid, block=self._state.block)
        return self._metadata.optional_struct(name, fields if is_known else None)


def _hash(number: int) -> str:
    return "0x" + hashlib.blake2b(str(number).encode(), digest_size=32).hexdigest()


async def _drip(text: str) -> AsyncIterator[str]:
    for start in range(0, len(text), _DRIP_PER_S):
        yield text[start : start + _DRIP_PER_S]
        await asyncio.sleep(1)


@contextmanager
def chain_server(state: ChainState, metadata: RuntimeMetadata) -> Iterator[str]:
    """Serve on 127.0.0.1 until the block ends, and give the ws:// URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="chain-server", daemon=True)
    thread.start()
    node = _Node(state, metadata)

    async def start() -> Server:
        return await serve(
            node.talk,
            "127.0.0.1",
            0,
            process_request=node.answer_handshake,
            open_timeout=None,
            max_size=2**20,
        )

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end(server: Server) -> None:
    """Close every connection, and cancel handlers that never answer."""
    server.close(close_connections=True)
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
