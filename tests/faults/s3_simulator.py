# SPDX-License-Identifier: Apache-2.0
"""A simulator of S3 (moto's) as an HTTP server that fails a share of all calls: `python -m
tests.faults.s3_simulator SHARE`.

Prints its URL when it answers. It is no S3: it shows that our calls are right and that failed ones
are repeated."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

BUCKET = "callsheet"
SEED = 7


class Failing:
    """Answers a share of the calls with 500, as a storage in trouble does, and passes on the
    others."""

    def __init__(self, application: Any, share: float) -> None:
        self._application = application
        self._share = share
        self._chance = random.Random(SEED)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if self._chance.random() < self._share:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("500 Internal Server Error", [("Content-Type", "application/xml")])
            return [b"<Error><Code>InternalError</Code><Message>as you asked</Message></Error>"]
        answer: Iterable[bytes] = self._application(environ, start_response)
        return answer


def main() -> None:
    """Serve until the process is ended."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    application = Failing(DomainDispatcherApplication(create_backend_app), float(sys.argv[1]))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


@contextmanager
def s3_simulator(share: float = 0.0) -> Iterator[dict[str, str]]:
    """A running simulator with one bucket: the environment that leads s3fs there. `share` of the
    calls fail."""
    command = [sys.executable, "-m", "tests.faults.s3_simulator", str(share)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            environment = {
                "AWS_ENDPOINT_URL": url,
                "AWS_ACCESS_KEY_ID": "simulated",
                "AWS_SECRET_ACCESS_KEY": "simulated",
            }
            _make_bucket({**os.environ, **environment, "AWS_DEFAULT_REGION": "us-east-1"})
            yield {**environment, "AWS_DEFAULT_REGION": "us-east-1"}
        finally:
            process.kill()


def _make_bucket(environment: dict[str, str]) -> None:
    make = f"import s3fs; s3fs.S3FileSystem().mkdir({BUCKET!r})"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", make], env=environment, check=True, timeout=120
    )


if __name__ == "__main__":
    main()
