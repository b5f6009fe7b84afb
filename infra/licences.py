# SPDX-License-Identifier: Apache-2.0
"""Compare the licences of all installed packages with those that infra/licences.toml allows.

`python -m infra.licences`, which `make check` runs, reads installed metadata only. It prints each
package that states no licence or one that is not listed, and each wheel that carries libraries
which nobody has looked at.
"""

from __future__ import annotations

import re
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from boolean import Expression
from license_expression import ExpressionError, Licensing
from packaging.utils import canonicalize_name

POLICY = Path(__file__).with_name("licences.toml")
ITSELF = "callsheet"
FOREIGN_LIBRARY = re.compile(r"^[^/,]+\.libs/", flags=re.M)  # where wheels keep copies of them
UNSPECIFIC = {"", "UNKNOWN", "OSI Approved", "DFSG approved"}
_LICENSING = Licensing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Hold the tables of licences.toml; package names are normalised, exceptions are patterns."""

    allowed: frozenset[str]
    synonyms: dict[str, str]
    exceptions: dict[str, dict[str, str]]
    inside: dict[str, dict[str, Any]]
    vendored: dict[str, dict[str, str]]


def read_policy(path: Path = POLICY) -> Policy:
    """Read the policy."""
    tables = tomllib.loads(path.read_text())
    return Policy(allowed=frozenset(tables.pop("allowed")), **tables)


def find_packages() -> list[Distribution]:
    """List what is installed in this environment, except Callsheet itself, by name."""
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    found = {canonicalize_name(one.name): one for one in distributions(path=sorted(folders))}
    return [found[name] for name in sorted(found) if name != ITSELF]


def find_licences(package: Distribution, policy: Policy) -> list[str]:
    """List what a package states of its licence, as SPDX expressions, the most exact first."""
    name = canonicalize_name(package.name)
    for pattern, exception in policy.exceptions.items():
        if fnmatchcase(name, pattern):
            return [exception["licence"]]
    if expression := package.metadata["License-Expression"]:
        return [str(expression)]
    field = str(package.metadata["License"] or "").strip()
    words = [] if "\n" in field else [field]
    classifiers = package.metadata.get_all("Classifier", [])
    words += [one.rpartition("::")[2].strip() for one in classifiers if one.startswith("License")]
    known = (policy.synonyms.get(word, word) for word in words if word not in UNSPECIFIC)
    return list(dict.fromkeys(known))


def is_allowed(licence: str, policy: Policy) -> bool:
    """Tell whether an SPDX expression can be met with allowed licences only."""
    try:
        parsed = _LICENSING.parse(licence)
    except ExpressionError:
        return False
    return _is_met(parsed, policy.allowed)


def _is_met(node: Expression, allowed: frozenset[str]) -> bool:
    if isinstance(node, _LICENSING.AND):
        return all(_is_met(part, allowed) for part in node.args)
    if isinstance(node, _LICENSING.OR):
        return any(_is_met(part, allowed) for part in node.args)
    return str(node) in allowed


def check_packages(packages: Iterable[Distribution], policy: Policy) -> Iterator[str]:
    """Yield one sentence for each package that may not stay as it is."""
    for package in packages:
        name = canonicalize_name(package.name)
        if not any(fnmatchcase(name, pattern) for pattern in policy.exceptions):
            yield from _check_licences(package, policy)
        carries = FOREIGN_LIBRARY.search(package.read_text("RECORD") or "")
        if carries and name not in policy.inside:
            yield f"{name}: its wheel carries libraries; list them under [inside.{name}]"


def _check_licences(package: Distribution, policy: Policy) -> Iterator[str]:
    stated = find_licences(package, policy)
    if not stated:
        yield f"{package.name} {package.version}: states no licence"
    for licence in stated:
        if not is_allowed(licence, policy):
            yield f"{package.name} {package.version}: the licence {licence!r} is not allowed"


def main() -> int:
    """Print the problems; return 1 if there are any."""
    problems = list(check_packages(find_packages(), read_policy()))
    if problems:
        sys.stderr.write("\n".join([*problems, f"Allowed licences stand in {POLICY.name}."]) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
