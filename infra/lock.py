# SPDX-License-Identifier: Apache-2.0
"""Write the locks: exact pins, with the SHA-256 of every file that is published for each version.

`python -m infra.lock` keeps the pins that stand and adds what is missing; `--upgrade NAME` lets one
package move. uv resolves from pyproject.toml; pip installs, with `--require-hashes`. A package that
Linux on x86-64 and on aarch64 do not both need has a marker. What a CUDA build of torch needs has a
lock of its own, because a machine without a GPU needs none of those gigabytes. So has torch's CPU
build: pip prefers files whose address carries a digest, and would pass over one in a folder.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "locks"
PROCESSORS = ("x86_64", "aarch64")
OF_CUDA = re.compile(r"(nvidia|cuda)-|triton==")
SEPARATE = {"voices": (), "color-matcher": (), "judge": ("--no-deps",), "heads": ("--no-deps",)}

# Files of one version that PyPI does not serve: https://download.pytorch.org/whl/cpu/torch/
CPU_BUILDS = {
    "torch==2.13.0": {
        "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl": (
            "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"
        ),
        "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_aarch64.whl": (
            "84453b69508ec79902f899c5ed9495acb9e2bbe9fda5f1d5d6f19e3c3842e1a7"
        ),
    }
}

Lock = dict[str, list[str]]  # "name==version" -> lines "--hash=sha256:..."


def read_lock(text: str) -> Lock:
    """Split the text of a lock into its pins and their hashes; comments and markers are dropped."""
    lock: Lock = {}
    for line in text.splitlines():
        if line.startswith((" ", "\t")):
            lock[next(reversed(lock))].append(line.strip(" \t\\"))
        elif line and not line.startswith("#"):
            lock[re.split(r"[ ;\\]", line)[0]] = []
    return lock


def resolve(processor: str, *arguments: str, pins: Path) -> Lock:
    """Resolve with uv for one processor. Raises CalledProcessError after uv has said why."""
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate"]
    command += ["--python-version=3.11", f"--python-platform={processor}-unknown-linux-gnu"]
    command += [*arguments, "--output-file", pins]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return read_lock(pins.read_text())


def add_cpu_builds(lock: Lock) -> None:
    """Admit the CPU files of torch. Raises ValueError when they are unknown for its version."""
    pin = next(pin for pin in lock if pin.startswith("torch=="))
    if pin not in CPU_BUILDS:
        raise ValueError(f"CPU_BUILDS in infra/lock.py has no digests of {pin}: add them")
    lock[pin] = sorted({*lock[pin], *hash_cpu_builds(pin)})


def hash_cpu_builds(pin: str) -> list[str]:
    """Return the hashes of a pin's CPU files, sorted."""
    return sorted(f"--hash=sha256:{digest}" for digest in CPU_BUILDS[pin].values())


def format_lock(purpose: str, by_processor: dict[str, Lock]) -> str:
    """Return the text of one lock from the resolution of each processor."""
    blocks = [f"# {purpose} Written by `make lock`."]
    merged = {pin: hashes for lock in by_processor.values() for pin, hashes in lock.items()}
    for pin, hashes in sorted(merged.items()):
        needed = [name for name, lock in by_processor.items() if pin in lock]
        marker = "" if len(needed) == len(PROCESSORS) else f' ; platform_machine == "{needed[0]}"'
        blocks.append(" \\\n    ".join([pin + marker, *hashes]))
    return "\n".join(blocks) + "\n"


def lock_environment(upgrade: list[str], scratch: Path) -> dict[str, str]:
    """Return cpu.txt, the whole environment; torch-cpu.txt; cuda.txt, what a CUDA build adds."""
    everything: dict[str, Lock] = {}
    for processor in PROCESSORS:
        pins = scratch / f"{processor}.txt"
        pins.write_text("".join((LOCKS / name).read_text() for name in ("cpu.txt", "cuda.txt")))
        arguments = ("pyproject.toml", "--extra=s3", "--group=dev", *upgrade)
        everything[processor] = resolve(processor, *arguments, pins=pins)
        add_cpu_builds(everything[processor])
    texts = {}
    for name, purpose, of_cuda in (
        ("cpu.txt", "Callsheet's environment for CPython 3.11 on Linux.", False),
        ("cuda.txt", "What a CUDA build of torch needs beside cpu.txt.", True),
    ):
        part = {
            processor: {pin: h for pin, h in lock.items() if bool(OF_CUDA.match(pin)) is of_cuda}
            for processor, lock in everything.items()
        }
        texts[name] = format_lock(purpose, part)
    builds: Lock = {f"{pin}+cpu": hash_cpu_builds(pin) for pin in CPU_BUILDS}
    purpose = "The CPU build of torch, from https://download.pytorch.org/whl/cpu/torch/."
    texts["torch-cpu.txt"] = format_lock(purpose, dict.fromkeys(PROCESSORS, builds))
    return texts


def lock_group(group: str, arguments: tuple[str, ...], scratch: Path) -> str:
    """Return the lock of one dependency group, with the environment's versions where it shares."""
    resolved: dict[str, Lock] = {}
    standing = LOCKS / f"{group}.txt"
    for processor in PROCESSORS:
        pins = scratch / f"{group}-{processor}.txt"
        pins.write_text(standing.read_text() if standing.is_file() else "")
        resolved[processor] = resolve(processor, f"--group={group}", *arguments, pins=pins)
    return format_lock(f"The dependency group {group} of pyproject.toml.", resolved)


def main(arguments: list[str] | None = None) -> int:
    """Write every lock again, or none."""
    parser = argparse.ArgumentParser(prog="python -m infra.lock", description=__doc__)
    parser.add_argument("--upgrade", action="append", default=[], metavar="NAME")
    upgrade = [f"--upgrade-package={name}" for name in parser.parse_args(arguments).upgrade]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        try:
            texts = lock_environment(upgrade, scratch)
            shared = scratch / "shared.txt"
            shared.write_text(texts["cpu.txt"])
            for group, options in SEPARATE.items():
                more = (f"--constraints={shared}", *options, *upgrade)
                texts[f"{group}.txt"] = lock_group(group, more, scratch)
        except (subprocess.CalledProcessError, ValueError) as problem:
            parser.exit(1, f"The locks are as they were: {problem}\n")
    for name, text in texts.items():
        (LOCKS / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
