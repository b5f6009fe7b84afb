# SPDX-License-Identifier: Apache-2.0
"""Write a CycloneDX 1.6 list of what an installation is made of.

`python -m infra.sbom FILE`: the packages of this environment and who needs whom, foreign libraries
inside their wheels, vendored scripts, and the weights of the catalogue with their digests. A
package that only tests and benchmarks need has the scope `optional`. The same environment gives the
same bytes: there is no serial number, and a time only if SOURCE_DATE_EPOCH gives one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import Distribution, distribution
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.licences import ITSELF, Policy, find_licences, find_packages, read_policy
from model.weight_catalogue import CATALOGUE, Weight

Graph = dict[str, set[str]]
_LICENCES = LicenseFactory()


def build_bom(packages: Iterable[Distribution], policy: Policy) -> Bom:
    """Build the list from installed packages, the policy's parts and the weights' catalogue."""
    installed = {canonicalize_name(package.name): package for package in packages}
    graph = find_needs({**installed, ITSELF: distribution(ITSELF)})
    needed = find_reachable(graph, ITSELF)
    bom = Bom(components=[*map(describe_weight, CATALOGUE), *describe_vendored(policy)])
    bom.metadata.tools.components.add(this_component())
    bom.metadata.properties.add(Property(name="cdx:reproducible", value="true"))
    bom.metadata.component = itself = describe_itself()
    described = {
        name: describe_package(package, policy, needed=name in needed)
        for name, package in installed.items()
    }
    for component in described.values():
        bom.components.add(component)
    for name, component in {**described, ITSELF: itself}.items():
        bom.register_dependency(component, [described[need] for need in sorted(graph[name])])
    return bom


def find_needs(installed: dict[str, Distribution]) -> Graph:
    """Find which installed packages each package needs, with the extras that are asked for."""
    graph: Graph = {name: set() for name in installed}
    waiting = [(name, "") for name in installed] + [(ITSELF, "s3")]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        for requirement in map(Requirement, installed[name].requires or ()):
            need = canonicalize_name(requirement.name)
            is_met = not requirement.marker or requirement.marker.evaluate({"extra": extra})
            if not is_met or need not in installed:
                continue
            graph[name].add(need)
            more = {(need, extra) for extra in requirement.extras} - seen
            seen |= more
            waiting.extend(sorted(more))
    return graph


def find_reachable(graph: Graph, start: str) -> set[str]:
    """Find everything that `start` needs, directly or not."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - reached
        reached |= new
        waiting.extend(new)
    return reached


def describe_itself() -> Component:
    """Describe Callsheet, from its own metadata."""
    metadata = distribution(ITSELF).metadata
    return Component(
        type=ComponentType.APPLICATION,
        name=ITSELF,
        version=metadata["Version"],
        bom_ref=ITSELF,
        licenses=[_LICENCES.make_from_string(metadata["License-Expression"])],
        description=metadata["Summary"],
    )


def describe_package(package: Distribution, policy: Policy, *, needed: bool) -> Component:
    """Describe an installed package. `needed`: Callsheet itself needs it, not only its tests."""
    name, version = canonicalize_name(package.name), package.version
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        bom_ref=f"{name}=={version}",
        purl=PackageURL("pypi", name=name, version=version),
        scope=ComponentScope.REQUIRED if needed else ComponentScope.OPTIONAL,
        licenses=[_LICENCES.make_from_string(one) for one in find_licences(package, policy)[:1]],
        description=(package.metadata["Summary"] or "").strip() or None,
        components=describe_parts(name, policy),
    )


def describe_parts(name: str, policy: Policy) -> Iterator[Component]:
    """Describe the foreign programs and libraries inside a package's wheel."""
    for part, licence in policy.inside.get(name, {"parts": {}})["parts"].items():
        yield Component(
            type=ComponentType.LIBRARY,
            name=part,
            bom_ref=f"{name}/{part}",
            licenses=[_LICENCES.make_from_string(licence)],
        )


def describe_vendored(policy: Policy) -> Iterator[Component]:
    """Describe the scripts of other people that lie in this repository."""
    for name, part in policy.vendored.items():
        yield Component(
            type=ComponentType.LIBRARY,
            name=name,
            version=part["version"],
            bom_ref=f"npm:{name}",
            purl=PackageURL("npm", name=name, version=part["version"]),
            scope=ComponentScope.REQUIRED,
            licenses=[_LICENCES.make_from_string(part["licence"])],
        )


def describe_weight(weight: Weight) -> Component:
    """Describe a weight: the SHA-256 of the member as published, and the package that holds it."""
    group, _, name = weight.package.rpartition("/")
    source = PackageURL(weight.registry, group or None, name, weight.version, None, weight.member)
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=weight.name,
        version=weight.version,
        bom_ref=f"weight:{weight.name}",
        purl=source,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=weight.sha256)],
        licenses=[_LICENCES.make_from_string(weight.licence)],
        description=weight.purpose,
    )


def format_bom(bom: Bom) -> str:
    """Return the list as JSON. Raises ValueError when CycloneDX's schema refuses it."""
    moment = os.environ.get("SOURCE_DATE_EPOCH")
    bom.serial_number = None  # type: ignore[assignment]
    bom.metadata.timestamp = (  # type: ignore[assignment]
        datetime.fromtimestamp(int(moment), tz=UTC) if moment else None
    )
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"not valid CycloneDX 1.6: {problem}")
    return text + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the list to the file that is named."""
    (target,) = sys.argv[1:] if arguments is None else arguments
    text = format_bom(build_bom(find_packages(), read_policy()))
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
