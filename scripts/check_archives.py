"""Compare what is in the wheel and the source archive with what should be: `check_archives.py DIST`.

The lists are made from the files git knows, so that a new recipe or test is expected without being named here.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
PACKAGE = "napari_em_autoclass"
# Of no use without the repository: what runs there, and what its host reads.
NOT_IN_SDIST = (".ci/", ".github/", ".napari-hub/", ".gitattributes", ".pre-commit-config.yaml")
# Written by the build.
IN_SDIST_BESIDES = {"PKG-INFO"}
IN_METADATA = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
# Real stacks stay out of what is published: their licences forbid it. 20 MB would be a stack, too.
NEVER = {".tif", ".tiff", ".zarr", ".h5", ".hdf5", ".mrc", ".n5"}
MOST_BYTES = 20_000_000


def tracked() -> set[str]:
    """Return the files of the commit, as paths from the repository's root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.split("\0") if name}


def expected_in_wheel(files: set[str]) -> set[str]:
    """Return what the wheel holds beside its metadata: the package as it is in the repository."""
    return {name.removeprefix("src/") for name in files if name.startswith(f"src/{PACKAGE}/")}


def expected_in_sdist(files: set[str]) -> set[str]:
    """Return what the source archive holds: all that is needed to build, test and document."""
    return {name for name in files if not name.startswith(NOT_IN_SDIST)} | IN_SDIST_BESIDES


def in_wheel(path: Path) -> tuple[set[str], set[str]]:
    """Return the files of the wheel, those of the package and those of its metadata."""
    with zipfile.ZipFile(path) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    metadata = {name for name in names if PurePosixPath(name).parts[0].endswith(".dist-info")}
    return names - metadata, {name.split("/", 1)[1] for name in metadata}


def in_sdist(path: Path) -> set[str]:
    """Return the files of the source archive, without the folder around them."""
    with tarfile.open(path) as archive:
        return {member.name.split("/", 1)[1] for member in archive if not member.isdir()}


def differences(what: str, found: set[str], expected: set[str]) -> list[str]:
    """Return a line for each file too few and too many."""
    missing = [f"{what} lacks {name}" for name in sorted(expected - found)]
    return missing + [f"{what} has {name}, which doesn't belong there" for name in sorted(found - expected)]


def problems(dist: Path) -> list[str]:
    """Return a line for all that is wrong with the two archives in `dist`."""
    wheels, sdists = sorted(dist.glob("*.whl")), sorted(dist.glob("*.tar.gz"))
    if (len(wheels), len(sdists)) != (1, 1):
        return [f"{dist} should hold one wheel and one source archive, but has {len(wheels)} and {len(sdists)}"]
    files = tracked()
    package, metadata = in_wheel(wheels[0])
    source = in_sdist(sdists[0])
    found = differences("the wheel", package, expected_in_wheel(files))
    found += differences("the wheel's metadata", metadata, IN_METADATA)
    found += differences("the source archive", source, expected_in_sdist(files))
    found += [f"{name} is a stack" for name in sorted(package | source) if PurePosixPath(name).suffix in NEVER]
    for path in (wheels[0], sdists[0]):
        if path.stat().st_size > MOST_BYTES:
            found.append(f"{path.name} has {path.stat().st_size / 1e6:.0f} MB, more than {MOST_BYTES / 1e6:.0f}")
    return found


def main() -> None:
    """Print the problems, and fail if there are any."""
    found = problems(Path(sys.argv[1]))
    print("\n".join(found) or "wheel and source archive hold what they should")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
