"""A secret is text where it is used and dots where it is shown, and no error of an answer holds it."""

from __future__ import annotations

import time
import traceback

import pytest

from wan_async import AuthenticationError, RejectedError, ResponseError, WanError
from wan_async._protocol import Answer
from wan_async._protocol.answers import read_created
from wan_async._protocol.secrets import ApiKey, Secret, authorization, forget_frames, read_answer

KEY = ApiKey("sk-5ecret", "APIKLEY_API_KEY")
URL = "https://api.example.com/v1"


def answer(body: str, status: int = 200) -> Answer:
    return Answer(status=status, headers={}, body=body.encode(), received_at=time.time())


def failure(body: str, status: int = 200) -> WanError:
    with pytest.raises(WanError) as caught:
        read_answer(KEY, URL, read_created, answer(body, status))
    return caught.value


def test_it_is_shown_as_dots() -> None:
    assert repr(KEY) == repr(authorization(KEY)) == repr([Secret("x")])[1:-1] == "'…'"
    assert authorization(KEY) == "Bearer sk-5ecret"


def test_a_refused_key_says_whence_it_came_and_who_refused_it() -> None:
    error = failure('{"code":401,"msg":"bad key sk-5ecret"}')
    assert isinstance(error, AuthenticationError)
    assert "APIKLEY_API_KEY" in str(error)
    assert "api.example.com" in str(error)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"code":422,"msg":"who is sk-5ecret?"}', RejectedError),
        ('{"code":401,"msg":"who is sk-5ecret?"}', AuthenticationError),
        ("<html>Authorization: Bearer sk-5ecret</html>", ResponseError),
        ('{"code":200,"data":{"sk-5ecret":1}}', ResponseError),
    ],
)
def test_no_error_holds_it_though_the_answer_does(body: str, kind: type[WanError]) -> None:
    error = failure(body)
    assert type(error) is kind
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "sk-5ecret" not in f"{error} {error!r} {vars(error)}"
    assert "sk-5ecret" not in shown.replace(repr(body), "")  # what this test itself was given


def test_a_key_that_the_verdict_holds_by_chance_makes_no_other_verdict() -> None:
    with pytest.raises(AuthenticationError):
        read_answer("4011", URL, read_created, answer('{"code":401,"msg":"no","request":4011}'))


@pytest.mark.parametrize("key", ["k", "ke"])
def test_a_tests_key_of_a_letter_takes_none_from_the_services_words(key: str) -> None:
    with pytest.raises(RejectedError) as caught:
        read_answer(key, URL, read_created, answer('{"code":422,"msg":"a broken link: key"}'))
    assert caught.value.message == "a broken link: key"


def test_what_can_be_read_is_read_key_or_not() -> None:
    assert read_answer(KEY, URL, read_created, answer('{"code":200,"data":{"taskId":"sk-5ecret"}}')) == "sk-5ecret"


def raised(error: Exception) -> None:
    with pytest.raises(type(error)):
        raise error
    assert error.__traceback__ is not None


def test_frames_go_from_all_causes_once_each() -> None:
    first, second, third = ValueError("first"), KeyError("second"), OSError("third")
    for error in (first, second, third):
        raised(error)
    first.__cause__, second.__context__, third.__cause__ = second, third, first  # a circle
    forget_frames(first)
    assert first.__traceback__ is second.__traceback__ is third.__traceback__ is None
