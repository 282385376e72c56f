"""What goes wrong on a network, in words, and whether another try may help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Patience", "RemoteError", "final_complaint"]

_TRY_AGAIN = {408, 425, 429}  # too slow, too early, too many; what is 500 or more is the server's fault


class RemoteError(OSError):
    """Something elsewhere can't be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often something is tried, and how long each time.

    Parameters
    ----------
    tries : in all
    wait_s : before the second; twice as long before each further one
    timeout_s : of one try
    """

    tries: int = 5
    wait_s: float = 0.25
    timeout_s: float = 30.0

    def waits_s(self) -> Iterator[float]:
        """Yield how long to wait before each try.

        Yields
        ------
        float
            Seconds, 0 first.
        """
        yield 0.0
        yield from (self.wait_s * 2**n for n in range(self.tries - 1))


def final_complaint(error: BaseException, timeout_s: float) -> tuple[str, bool]:
    """Return what went wrong in words, and whether trying again is of no use."""
    status = _status(error)
    kind = type(error).__name__
    if status in (401, 403) or isinstance(error, PermissionError) or "Credentials" in kind:
        code = f" ({status})" if status else ""
        return (
            f"access is refused{code}; check the address and your credentials "
            "(a public bucket is read with FSSPEC_S3_ANON=true or FSSPEC_GS_TOKEN=anon)",
            True,
        )
    if status in (404, 410):
        return f"there is nothing ({status}); check the address", True
    if status is not None:
        return f"the server answers with error {status}", 400 <= status < 500 and status not in _TRY_AGAIN
    if isinstance(error, TimeoutError) or "Timeout" in kind:
        return f"no answer within {timeout_s:g} s", False
    if isinstance(error, ConnectionError) or "Connect" in kind or "gaierror" in kind:
        return f"no connection ({_first_line(error)})", False
    if isinstance(error, (ImportError, TypeError, ValueError, AttributeError)) and "Payload" not in kind:
        return f"can't be read ({kind}: {_first_line(error)})", True
    return f"can't be read ({kind}: {_first_line(error)})", False


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of an error of aiohttp, gcsfs or botocore."""
    response = getattr(error, "response", None)
    found = response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(response, dict) else None
    for name in ("status", "code"):  # in this order: aiohttp warns of the second
        found = getattr(error, name, None) if found is None else found
    return found if isinstance(found, int) and 100 <= found < 600 else None


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:120] if lines else "no details"
