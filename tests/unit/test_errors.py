import copy
import json
import pickle
from importlib import import_module

import pytest
import requests

import chatsdk
from chatsdk import arguslm, chatserver, errors, infinity, mongars, zaguan
from chatsdk.errors import status_error
from tests.support.cases import for_each

from .helpers import SERVICES, make_client

KINDS = [
    item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, errors.ChatSDKError)
]
OWN = {
    service: [
        item
        for item in vars(import_module(f"chatsdk.{service}.errors")).values()
        if isinstance(item, type) and issubclass(item, errors.ChatSDKError)
    ]
    for service in SERVICES
}
BASES = {
    "arguslm": arguslm.ArgusLMError,
    "chatserver": chatserver.ChatServerError,
    "infinity": infinity.InfinityAssistantError,
    "mongars": mongars.MonGARSError,
    "zaguan": zaguan.ZaguanError,
}
EVERY = list(dict.fromkeys([*KINDS, *(cls for found in OWN.values() for cls in found)]))


@pytest.mark.parametrize(
    ("child", "parents"),
    [
        ("ConfigurationError", ["ChatSDKError", "ValueError"]),
        ("InvalidRequestError", ["ChatSDKError", "ValueError"]),
        ("APIError", ["ChatSDKError"]),
        ("APIStatusError", ["APIError"]),
        ("APIConnectionError", ["APIError"]),
        ("APITimeoutError", ["APIConnectionError"]),
        ("APIResponseError", ["APIError"]),
        ("StreamError", ["APIError"]),
        ("StreamInterruptedError", ["StreamError"]),
        *(
            (name + "Error", ["APIStatusError"])
            for name in (
                "BadRequest",
                "Authentication",
                "InsufficientCredits",
                "PermissionDenied",
                "NotFound",
                "Conflict",
                "UnprocessableEntity",
                "RateLimit",
                "InternalServer",
            )
        ),
    ],
)
def test_tree(child, parents):
    cls = getattr(errors, child)
    assert [base.__name__ for base in cls.__bases__] == parents
    assert getattr(chatsdk, child) is cls


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (402, "InsufficientCreditsError"),
        (403, "PermissionDeniedError"),
        (404, "NotFoundError"),
        (409, "ConflictError"),
        (422, "UnprocessableEntityError"),
        (429, "RateLimitError"),
        (500, "InternalServerError"),
        (529, "InternalServerError"),
        (599, "InternalServerError"),
        (302, "APIStatusError"),
        (405, "APIStatusError"),
        (418, "APIStatusError"),
    ],
)
def test_class_of_a_status(status, name):
    assert status_error(status) is getattr(errors, name)


@for_each(SERVICES)
def test_a_service_has_the_common_tree_as_its_own(service):
    package = import_module(f"chatsdk.{service}")
    table = dict(import_module(f"chatsdk.{service}.errors").ERROR_CLASSES)
    assert set(table) == {*KINDS}
    assert table.pop(errors.ChatSDKError) is BASES[service]
    for common, own in table.items():
        assert issubclass(own, common)
        assert [name for name, base in BASES.items() if issubclass(own, base)] == [service]
        assert own.__module__ == f"chatsdk.{service}.errors"
        assert getattr(package, own.__name__) is own
        named = getattr(package, common.__name__)
        assert issubclass(own, named)
        for above in common.__mro__[1:]:  # the own tree has the shape of the common one
            if above in table:
                assert issubclass(own, getattr(package, above.__name__)), (own, above)
        assert not [
            other for other in BASES.values() if other is not BASES[service] and issubclass(own, other)
        ]


def test_help_shows_the_documentation_of_the_common_class():
    assert arguslm.NotFoundError.__doc__ == errors.NotFoundError.__doc__
    assert "reset_at" in infinity.RateLimitError.__doc__


def test_services_do_not_catch_each_other(http):
    http.get("https://zaguan.example/v1/models", status=404)
    with make_client() as client, pytest.raises(zaguan.NotFoundError) as caught:
        client.zaguan.list_models()
    assert type(caught.value) is zaguan.NotFoundError
    for other in (arguslm, chatserver, infinity, mongars):
        assert not isinstance(caught.value, other.NotFoundError)


def test_names_of_the_seeds():
    for cls in (chatserver.UnauthorizedError, chatserver.ForbiddenError):
        assert issubclass(cls, chatserver.ChatServerError)
    assert chatserver.UnauthorizedError is chatserver.AuthenticationError
    assert chatserver.ForbiddenError is chatserver.PermissionDeniedError
    assert infinity.InfinityAssistantRateLimitError is infinity.RateLimitError
    assert infinity.InfinityAssistantTimeoutError is infinity.APITimeoutError
    assert not issubclass(infinity.InfinityAssistantTimeoutError, infinity.InfinityAssistantNetworkError)
    assert mongars.SDKError is mongars.MonGARSError


def test_a_status_error_of_a_mock_has_the_status_of_its_kind():
    for status, kind in {**errors.STATUS_ERRORS, 500: errors.InternalServerError}.items():
        for package in (errors, arguslm, chatserver, infinity, mongars, zaguan):
            cls = getattr(package, kind.__name__)
            assert (cls("x").status_code, cls("x").message) == (status, "x"), cls


def test_zaguan_errors_take_the_arguments_of_the_seed():
    for cls in (zaguan.APIError, zaguan.APIStatusError, zaguan.NotFoundError):
        for error in (cls(418, "no", "r1"), cls(status_code=418, message="no", request_id="r1")):
            for found in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
                assert (found.status_code, found.message, found.request_id) == (418, "no", "r1")
                assert str(found) == "no"
        assert cls(message="no").message == cls("no").message == "no"


def test_a_subclass_with_another_constructor_pickles():
    error = OtherError(3, "words")
    for found in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (type(found), str(found), found.number) == (OtherError, "words 3", 3)


class OtherError(zaguan.NotFoundError):
    def __init__(self, number, words):
        super().__init__(f"{words} {number}")
        self.number = number


def test_a_partial_answer_that_is_nested_deeply_pickles():
    error = zaguan.StreamInterruptedError("cut")
    message = {"content": "so far", "deep": json.loads("[" * 600 + "]" * 600)}
    error.partial = zaguan.ChatResponse.from_dict({"id": "x", "choices": [{"message": message}]})
    copied = pickle.loads(pickle.dumps(error))
    assert (copied.partial.id, copied.partial.text, str(copied)) == ("x", "so far", "cut")


@for_each(EVERY)
def test_text(cls):
    error = cls("the words")
    assert str(error) == error.message == "the words"
    assert error.args == ("the words",)
    assert error.request_id is None


@for_each(EVERY)
def test_pickles(cls):
    error = cls("the words")
    response = requests.Response()
    response.request = requests.Request("POST", "https://x.example", data="the prompt").prepare()
    details = {
        "status_code": 402,
        "code": "c",
        "body": {"error": {"credits_required": 5, "band": "D"}},
        "retry_after": 1.5,
        "request_id": "rid",
        "service": "zaguan",
        "partial": zaguan.ChatResponse(id="x"),
    }
    for name, value in details.items():
        setattr(error, name, value)
    error.response = response
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(error, protocol)
        assert b"the prompt" not in data
        copied = pickle.loads(data)
        assert type(copied) is cls
        assert str(copied) == copied.message == "the words"
        assert {name: getattr(copied, name) for name in details} == details
        assert getattr(copied, "response", None) is None


@for_each(EVERY)
def test_copies(cls):
    error = cls("the words")
    error.request_id = "rid"
    copied = copy.copy(error)
    assert (type(copied), str(copied), copied.request_id) == (cls, "the words", "rid")


@for_each(cls for cls in EVERY if issubclass(cls, errors.APIError))
def test_details_of_an_exchange(cls):
    error = cls("x")
    error.service, error.request_id, error.method, error.url = "zaguan", "rid", "GET", "https://x.example/"
    copied = pickle.loads(pickle.dumps(error))
    for found in (error, copied):
        assert (found.service, found.request_id) == ("zaguan", "rid")
        assert (found.method, found.url, found.partial) == ("GET", "https://x.example/", None)


@pytest.mark.parametrize("place", ["error", "details"])
@pytest.mark.parametrize(
    ("cls", "details"),
    [
        (
            zaguan.InsufficientCreditsError,
            {"credits_required": 5, "credits_remaining": 3, "reset_date": "2025-01-01"},
        ),
        (zaguan.BandAccessDeniedError, {"band": "D", "required_tier": "platinum", "current_tier": "pro"}),
    ],
)
def test_details_of_zaguan_survive_a_pickle(cls, details, place):
    error = cls("x")
    error.body = {"error": {"message": "x", **(details if place == "error" else {"details": details})}}
    for found in (error, pickle.loads(pickle.dumps(error))):
        assert {name: getattr(found, name) for name in details} == details


@pytest.mark.parametrize("body", [None, "text", [], {}, {"error": "x"}, {"error": None}])
def test_details_that_are_missing(body):
    for cls, names in (
        (zaguan.InsufficientCreditsError, ["credits_required", "credits_remaining", "reset_date"]),
        (zaguan.BandAccessDeniedError, ["band", "required_tier", "current_tier"]),
    ):
        error = cls("x")
        error.body = body
        assert [getattr(error, name) for name in names] == [None, None, None]


class TestTextOfAStatusError:
    def make(self, message, **details):
        error = errors.NotFoundError(message)
        error.method, error.url = "POST", "https://x.example/v1/chat/completions?a=..."
        for name, value in details.items():
            setattr(error, name, value)
        return error

    @pytest.mark.parametrize(
        ("message", "details", "text"),
        [
            ("No such\n\n model", {}, "HTTP 404: No such model ({})"),
            ("HTTP 404 Not Found", {}, "HTTP 404 Not Found ({})"),
            ("x", {"request_id": "rid"}, "HTTP 404: x ({}, request id rid)"),
            ("x", {"hint": "try y"}, "HTTP 404: x ({}); try y"),
        ],
    )
    def test_text(self, message, details, text):
        error = self.make(message, **details)
        expected = text.format("POST https://x.example/v1/chat/completions?a=...")
        for found in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert (str(found), found.message) == (expected, message)
