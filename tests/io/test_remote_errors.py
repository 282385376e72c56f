from __future__ import annotations

import pytest

from napari_em_autoclass.io.remote_errors import Patience, final_complaint


class WithStatus(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


class WithCode(Exception):  # as gcsfs has it
    def __init__(self, code: int) -> None:
        self.code = code


class OfBotocore(Exception):
    def __init__(self, status: int) -> None:
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}}


class NoCredentialsError(Exception):
    pass


@pytest.mark.parametrize("kind", [WithStatus, WithCode, OfBotocore])
@pytest.mark.parametrize(
    ("status", "words", "is_final"),
    [(401, "refused", True), (403, "refused", True), (404, "nothing", True), (400, "error 400", True),
     (408, "error 408", False), (429, "error 429", False), (500, "error 500", False), (503, "error 503", False)],
)  # fmt: skip
def test_a_status_says_whether_another_try_may_help(kind, status: int, words: str, is_final: bool) -> None:
    complaint, final = final_complaint(kind(status), 30)
    assert words in complaint
    assert final is is_final


@pytest.mark.parametrize(
    ("error", "words", "is_final"),
    [
        (PermissionError("no"), "refused", True),
        (NoCredentialsError("none found"), "FSSPEC_S3_ANON", True),
        (TimeoutError(), "no answer within 30 s", False),
        (ConnectionResetError("gone"), "no connection (gone)", False),
        (OSError("strange\nand long"), "OSError: strange)", False),
        (ValueError("no such codec"), "no such codec", True),
    ],
)
def test_what_went_wrong_is_said_in_words(error: Exception, words: str, is_final: bool) -> None:
    complaint, final = final_complaint(error, 30)
    assert words in complaint
    assert "\n" not in complaint
    assert final is is_final


def test_patience_grows_with_each_try() -> None:
    assert list(Patience(tries=4, wait_s=0.5).waits_s()) == [0.0, 0.5, 1.0, 2.0]
    assert list(Patience(tries=1).waits_s()) == [0.0]
