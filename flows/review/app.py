# SPDX-License-Identifier: Apache-2.0
"""Answer the review server's addresses.

Everything that is sent is looked up by id through the record, never by a path from a URL.
"""

from __future__ import annotations

import asyncio
import mimetypes
import time
from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from flows.review import media
from flows.review.auth import Gate, Guard
from flows.review.document import ProblemEntry
from flows.review.review_session import ReviewSession
from flows.review.snapshot import Snapshot, read_log
from manifests.errors import InputError, Problem, ToolError
from manifests.identity import digest
from manifests.plain_text import parse_json
from pipeline.deliver import dailies

PAGE = Path(str(resources.files("flows.review") / "page"))
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".txt": "text/plain",
    ".svg": "image/svg+xml",
}
WAIT_SECONDS, LOOK_SECONDS = 25.0, 0.5
LONGEST_BODY = 256 * 1024  # the shot ids of 5,000 shots
NOT_FOUND = "not found\n"

Handler = Callable[[Request], Awaitable[Response]]


def make_app(
    session: ReviewSession, gate: Gate, *, stopping: Callable[[], bool] = lambda: False
) -> Starlette:
    """Make the server of one review behind one gate.

    `stopping`: whether it is about to end, so that pages need not wait for news.
    """
    routes = [
        Route("/api/production", _serve_document(session)),
        Route("/api/changes", _serve_changes(session, stopping)),
        Route("/api/decisions", _take_decisions(session), methods=["POST"]),
        Route("/api/peaks", _serve_peaks(session)),
        Route("/api/log/{shot_id}", _serve_log(session)),
        Route("/media/take/{key}.mp4", _serve_media(session, media.make_take_copy, "video/mp4")),
        Route("/media/thumb/{key}.jpg", _serve_media(session, media.make_thumbnail, "image/jpeg")),
        Route(
            "/media/version/{key}/web.mp4",
            _serve_media(session, media.find_version_file, "video/mp4"),
        ),
        Route(
            "/media/sound.flac",
            _serve_media(session, lambda snapshot, _key: media.make_master(snapshot), "audio/flac"),
        ),
        Route("/media/captions.vtt", _serve_captions(session)),
        *_list_page_routes(),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, gate=gate)])


def _serve_document(session: ReviewSession) -> Handler:
    async def production(_request: Request) -> Response:
        return Response(
            await run_in_threadpool(session.encode_document), media_type="application/json"
        )

    return production


def _serve_changes(session: ReviewSession, stopping: Callable[[], bool]) -> Handler:
    async def changes(request: Request) -> Response:
        since = request.query_params.get("since", "")
        until = time.monotonic() + WAIT_SECONDS
        while await run_in_threadpool(session.read_revision) == since and time.monotonic() < until:
            if stopping() or await request.is_disconnected():
                break
            await asyncio.sleep(LOOK_SECONDS)
        return JSONResponse(await run_in_threadpool(session.find_changes, since))

    return changes


def _take_decisions(session: ReviewSession) -> Handler:
    async def decisions(request: Request) -> Response:
        try:
            body = await _read_json(request)
            return JSONResponse(await run_in_threadpool(session.decide, body))
        except InputError as error:
            return JSONResponse(
                {"problems": [_describe_problem(problem) for problem in error.problems]},
                status_code=422,
            )
        except ToolError as error:
            return JSONResponse({"error": str(error)}, status_code=503)

    return decisions


async def _read_json(request: Request) -> object:
    """Read the body of a request. Raises InputError when it is too long or not JSON."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > LONGEST_BODY:
            raise _refuse("the decision is too long", expected=f"at most {LONGEST_BODY} bytes")
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    try:
        if kind != "application/json":
            raise ValueError(f"content-type {kind or 'missing'}")
        return parse_json(data)
    except (ValueError, RecursionError) as error:
        message, got = "the decision is not JSON", str(error)[:100]
        raise _refuse(message, expected="application/json", got=got) from error


def _refuse(message: str, *, expected: str, got: str | None = None) -> InputError:
    return InputError(Problem(file="decision", message=message, expected=expected, got=got))


def _describe_problem(problem: Problem) -> ProblemEntry:
    return ProblemEntry(
        field=problem.column or "name",
        message=problem.message,
        expected=problem.expected,
        nearest=problem.nearest,
    )


def _serve_peaks(session: ReviewSession) -> Handler:
    async def peaks(request: Request) -> Response:
        width = request.query_params.get("width", "")
        found = await run_in_threadpool(lambda: media.read_peaks(session.read_snapshot()))
        if width.isdecimal() and 0 < len(width) < 8 and int(width):
            found = dailies.thin_peaks(found, int(width))
        return JSONResponse({"peaks": found})

    return peaks


def _serve_log(session: ReviewSession) -> Handler:
    async def log(request: Request) -> Response:
        text = await run_in_threadpool(
            lambda: read_log(session.read_snapshot(), request.path_params["shot_id"])
        )
        return JSONResponse({"log": text}) if text is not None else await _answer_not_found(request)

    return log


def _serve_captions(session: ReviewSession) -> Handler:
    async def captions(_request: Request) -> Response:
        text = (await run_in_threadpool(session.read_document))["captions_text"]
        return Response(text or "WEBVTT\n", media_type="text/vtt")

    return captions


def _serve_media(
    session: ReviewSession, find: Callable[[Snapshot, str], Path | None], kind: str
) -> Handler:
    """Serve a file found through the record, or a part of it if the request names one (Range)."""

    async def send(request: Request) -> Response:
        path = await run_in_threadpool(
            lambda: find(session.read_snapshot(), request.path_params.get("key", ""))
        )
        if path is None or not path.is_file():
            return await _answer_not_found(request)
        # not the time: copies are touched when they are used
        tag = digest([path.name, path.stat().st_size])
        return FileResponse(
            path,
            media_type=kind,
            headers={"Cache-Control": "private, max-age=60", "ETag": f'"{tag}"'},
        )

    return send


def _list_page_routes() -> list[Route]:
    """List one route for each file of the page, so that no path from a URL reaches the disk."""
    files = {
        path.relative_to(PAGE).as_posix(): path
        for path in sorted(PAGE.rglob("*"))
        if path.suffix in TYPES
    }
    routes = [Route(f"/{name}", _serve_file(path)) for name, path in files.items()]
    index = files.get("index.html")
    return [*routes, Route("/", _serve_file(index) if index else _answer_not_found)]


def _serve_file(path: Path) -> Handler:
    kind = (
        TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    )

    async def file(_request: Request) -> Response:
        return FileResponse(path, media_type=kind, headers={"Cache-Control": "no-cache"})

    return file


async def _answer_not_found(_request: Request) -> Response:
    return PlainTextResponse(NOT_FOUND, status_code=404)
