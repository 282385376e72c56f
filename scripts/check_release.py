"""Hold version, changelog and citation together: `check_release.py [VERSION]`, VERSION as in the tag, without its v.

The version stands in the tag alone. The changelog names it with its date once it is released; the citation names none,
so that it can't be out of date, and asks for the version that was used.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
_RELEASED = re.compile(r"(\d+)\.(\d+)\.(\d+) \((\d{4}-\d{2}-\d{2})\)")
UNRELEASED = "Unreleased"


def changelog_faults(text: str, version: str | None) -> list[str]:
    """Return what is wrong with the changelog `text`, for a release of `version` if one is given."""
    headings = _HEADING.findall(text)
    named = headings[1:] if headings[:1] == [UNRELEASED] else headings
    releases = [_RELEASED.fullmatch(heading) for heading in named]
    faults = [
        f"CHANGELOG.md: '## {heading}' should read '## 1.2.3 (2026-12-31)', or first of all '## {UNRELEASED}'"
        for heading, release in zip(named, releases, strict=True)
        if release is None
    ]
    order = [(tuple(map(int, release.groups()[:3])), release[4]) for release in releases if release is not None]
    if order != sorted(set(order), reverse=True):
        faults.append("CHANGELOG.md: versions should go from the newest to the oldest, each once, and their dates too")
    newest = ".".join(map(str, order[0][0])) if order else "none"
    if version is not None and (headings[:1] == [UNRELEASED] or newest != version):
        faults.append(f"CHANGELOG.md: {version} is to be released, but the first heading is '## {headings[0]}'")
    return faults


def citation_faults(citation: str, project: dict[str, object]) -> list[str]:
    """Return where `citation`, the text of CITATION.cff, differs from the table `project` of pyproject.toml."""
    authors = project["authors"]
    assert isinstance(authors, list)
    name = str(project["name"])
    stated = {
        "license": f"license: {project['license']}\n",
        "title": f'title: "{name}: ',
        **{f"author {author['name']}": f"- name: {author['name']}\n" for author in authors},
    }
    faults = [
        f"CITATION.cff lacks the {what} of pyproject.toml" for what, line in stated.items() if line not in citation
    ]
    if re.search(r"^(version|date-released):", citation, re.MULTILINE):
        faults.append("CITATION.cff names a version or a date, which the next release would make wrong")
    return faults


def faults(root: Path, version: str | None = None) -> list[str]:
    """Return all that is wrong in the repository at `root`, a line each."""
    changelog, citation, pyproject = (
        (root / name).read_text(encoding="utf-8") for name in ("CHANGELOG.md", "CITATION.cff", "pyproject.toml")
    )
    project = tomllib.loads(pyproject)["project"]
    found = changelog_faults(changelog, version) + citation_faults(citation, project)
    if "version" in project or "version" not in project["dynamic"]:
        found.append("pyproject.toml: the version should come from the tag alone")
    return found


def main() -> None:
    """Print what is wrong, and fail if anything is."""
    found = faults(ROOT, sys.argv[1] if len(sys.argv) > 1 else None)
    print("\n".join(found) or "version, changelog and citation agree")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
