import copy
import pickle

import pytest
import requests

import chatsdk
from chatsdk import chatserver, errors, zaguan
from chatsdk.chatserver import ChatServerError
from chatsdk.errors import combined, status_error
from chatsdk.zaguan import ZaguanError

KINDS = [
    item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, errors.ChatSDKError)
]
OWN = [zaguan.InsufficientCreditsError, zaguan.BandAccessDeniedError, zaguan.RateLimitError]
EVERY = [
    *KINDS,
    *OWN,
    *(combined(kind, base) for kind in KINDS for base in (ZaguanError, ChatServerError)),
]


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


@pytest.mark.parametrize("kind", KINDS)
def test_combined(kind):
    both = combined(kind, ZaguanError)
    assert issubclass(both, kind)
    assert issubclass(both, ZaguanError)
    assert not issubclass(both, ChatServerError)
    assert both is combined(kind, ZaguanError)
    assert both.__name__ == (kind.__name__ if kind is not errors.ChatSDKError else "ZaguanError")
    assert both.__doc__
    assert both.__module__.startswith("chatsdk")


@pytest.mark.parametrize("own", OWN)
def test_own_classes_stay_themselves(own):
    assert combined(own, ZaguanError) is own


def test_services_do_not_catch_each_other():
    caught = []
    try:
        raise combined(errors.NotFoundError, ChatServerError)("no such session")
    except ZaguanError:
        caught.append("zaguan")
    except ChatServerError:
        caught.append("chatserver")
    assert caught == ["chatserver"]


def test_names_of_the_seeds():
    assert chatserver.UnauthorizedError is errors.AuthenticationError
    assert chatserver.ForbiddenError is errors.PermissionDeniedError
    assert zaguan.APIError is errors.APIError


@pytest.mark.parametrize("cls", EVERY, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
class TestEveryClass:
    def test_text(self, cls):
        error = cls("the words")
        assert str(error) == error.message == "the words"
        assert error.args == ("the words",)
        assert error.request_id is None

    def test_pickles(self, cls):
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
            twin = pickle.loads(data)
            assert type(twin) is cls
            assert str(twin) == twin.message == "the words"
            assert {name: getattr(twin, name) for name in details} == details
            assert getattr(twin, "response", None) is None

    def test_copies(self, cls):
        error = cls("the words")
        error.request_id = "rid"
        twin = copy.copy(error)
        assert (type(twin), str(twin), twin.request_id) == (cls, "the words", "rid")


@pytest.mark.parametrize("cls", [cls for cls in EVERY if issubclass(cls, errors.APIError)])
def test_details_of_an_exchange(cls):
    error = cls("x", service="zaguan", request_id="rid", method="GET", url="https://x.example/")
    twin = pickle.loads(pickle.dumps(error))
    for found in (error, twin):
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
def test_details_that_were_not_told(body):
    for cls, names in (
        (zaguan.InsufficientCreditsError, ["credits_required", "credits_remaining", "reset_date"]),
        (zaguan.BandAccessDeniedError, ["band", "required_tier", "current_tier"]),
    ):
        error = cls("x")
        error.body = body
        assert [getattr(error, name) for name in names] == [None, None, None]


def test_a_combination_that_is_written_out():
    class Base(errors.ChatSDKError):
        pass

    @errors.combination
    class OwnTimeoutError(errors.APITimeoutError, Base):
        pass

    assert combined(errors.APITimeoutError, Base) is OwnTimeoutError
    assert combined(errors.APIConnectionError, Base) is not OwnTimeoutError
    assert combined(errors.APITimeoutError, ZaguanError) is not OwnTimeoutError
