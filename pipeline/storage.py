# SPDX-License-Identifier: Apache-2.0
"""Store and fetch whole files in a place that the driver and workers share, or `s3://`.

The one door to fsspec. Calls that fail are repeated a bounded number of times with growing pauses.
Credentials come from the environment (for S3 as botocore reads it: AWS_ACCESS_KEY_ID,
AWS_ENDPOINT_URL ...), never from a file of a production. Not a cache and not a file system.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem, ToolError

T = TypeVar("T")
ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.1
_FOR_GOOD = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
)  # asking again does not help


def check_url(url: str) -> str:
    """Check that a URL names a folder or S3 and nothing secret; return it.

    Raises ValueError with a reason for people.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query:
        raise ValueError("a storage URL must not contain credentials; set them in the environment")
    is_folder = parts.scheme in ("", "file") and parts.path.startswith("/")
    if url and not is_folder and not (parts.scheme == "s3" and parts.netloc):
        raise ValueError("write an absolute folder, or s3://bucket/folder")
    return url


class Storage:
    """Files under a URL, a folder or `s3://`. Names are relative paths with `/`."""

    def __init__(self, url: str) -> None:
        """Open the storage without creating or asking anything yet.

        Raises InputError for a URL that cannot be used.
        """
        import fsspec

        try:
            self.url = check_url(url).rstrip("/")
        except ValueError as error:
            raise InputError(Problem(file="storage.url", message=str(error))) from error
        self._is_local = not self.url.startswith("s3:")
        try:
            options: dict[str, Any] = {} if self._is_local else {"use_listings_cache": False}
            self._system, self._root = fsspec.core.url_to_fs(self.url, **options)
        except ImportError as error:
            message = "the package for S3 is missing"
            raise InputError(
                Problem(file="storage.url", message=message, expected="pip install s3fs")
            ) from error

    def put(self, source: Path, name: str) -> None:
        """Store a file under a name, whole or not at all. Raises ToolError."""
        self._retry(f"writing {name}", lambda: self._put(source, name))

    def get(self, name: str, target: Path) -> None:
        """Fetch a file; it appears at `target` when it is whole.

        Raises FileNotFoundError when there is none, else ToolError.
        """
        with atomic_write(target) as partial:
            self._retry(
                f"reading {name}", lambda: self._system.get_file(self._at(name), str(partial))
            )

    def read_text(self, name: str) -> str | None:
        """Read a small text file; None when there is none. Raises ToolError."""
        with contextlib.suppress(FileNotFoundError):
            return self._retry(
                f"reading {name}", lambda: str(self._system.cat_file(self._at(name)).decode())
            )
        return None

    def exists(self, name: str) -> bool:
        """Check whether there is such a file. Raises ToolError."""
        return bool(self._retry(f"looking for {name}", lambda: self._system.exists(self._at(name))))

    def list_names(self, folder: str) -> list[str]:
        """List the files in a folder, none when there is no such folder. Raises ToolError."""
        with contextlib.suppress(FileNotFoundError):
            found = self._retry(
                f"listing {folder}", lambda: self._system.ls(self._at(folder), detail=False)
            )
            return sorted(f"{folder}/{path.rsplit('/', 1)[-1]}" for path in found)
        return []

    def remove(self, name: str) -> None:
        """Delete a file, if it exists. Raises ToolError."""
        with contextlib.suppress(FileNotFoundError):
            self._retry(f"deleting {name}", lambda: self._system.rm_file(self._at(name)))

    def _at(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _put(self, source: Path, name: str) -> None:
        place = self._at(name)
        if not self._is_local:
            # appears whole: that is how object storage works
            self._system.put_file(str(source), place)
            return
        with atomic_write(Path(place)) as partial:
            self._system.put_file(str(source), str(partial))

    def _retry(self, what: str, call: Callable[[], T]) -> T:
        patience = Retrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential_jitter(
                multiplier=FIRST_PAUSE_SECONDS, jitter=FIRST_PAUSE_SECONDS
            ),
            reraise=True,
        )
        try:
            return patience(call)
        except FileNotFoundError:
            raise
        except Exception as error:
            tries = patience.statistics["attempt_number"]
            message = f"storage {self.url}: {what} failed ({tries} tries): {error}"
            raise ToolError(message) from error


def _may_pass(error: BaseException) -> bool:
    """Tell whether a failed call may succeed when it is tried again."""
    is_lasting = isinstance(error, OSError) and error.errno in _FOR_GOOD
    return not (is_lasting or isinstance(error, FileNotFoundError))
