"""Code references, suggestions and models."""

import pytest

from .mongars import as_user

RAG = "/api/v1/review/rag-context"
SUGGEST = "/api/v1/ui/suggestions"
PROVISION = "/api/v1/models/provision"


def ask(mongars, path, **fields):
    answer = mongars.post(path, json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def files(mongars, query, **fields):
    answer = ask(mongars, RAG, query=query, **fields)
    assert answer["enabled"] is True
    assert len(answer["focus_areas"]) == len(answer["references"])
    return [(reference["repository"], reference["file_path"]) for reference in answer["references"]]


def kinds(mongars, path, **fields):
    answer = mongars.post(path, json=fields)
    assert answer.status_code == 422, answer.text
    return [(problem["type"], problem["loc"][-1]) for problem in answer.json()["detail"]]


class TestReferences:
    def test_they_share_words_with_the_query(self, mongars):
        assert files(mongars, "Fix the VALIDATION of request bodies")[0] == ("acme/backend", "api/routes.py")
        assert files(mongars, "render the chat panel")[0] == ("acme/web", "src/chat/panel.ts")
        assert files(mongars, "is of 🐛") == []
        assert files(mongars, "zebra") == []

    def test_the_best_come_first(self, mongars):
        references = ask(mongars, RAG, query="retry a request after a timeout, or an error")["references"]
        scores = [reference["score"] for reference in references]
        assert len(scores) > 1
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score <= 1 for score in scores)

    def test_what_a_source_may_leave_out(self, mongars):
        (reference,) = ask(as_user(mongars, "alice"), RAG, query="readme")["references"]
        assert reference == {
            "repository": "unknown",
            "file_path": "README.md",
            "summary": "README.md",
            "score": None,
            "url": None,
        }

    @pytest.mark.parametrize("repositories", [None, [], ["all"], ["ALL", "acme/web"]])
    def test_all_repositories(self, mongars, repositories):
        query = "acme readme"
        assert files(mongars, query, repositories=repositories) == files(mongars, query)
        assert len({repository for repository, _ in files(mongars, query)}) == 3

    def test_some_repositories(self, mongars):
        found = files(mongars, "acme readme", repositories=[" ACME/Web ", "acme/web"])
        assert {repository for repository, _ in found} == {"acme/web"}
        assert files(mongars, "acme", repositories=["acme/nothing"]) == []

    def test_number_of_results(self, mongars):
        everything = files(mongars, "acme readme")
        assert len(everything) == 5
        assert files(mongars, "acme readme", max_results=2) == everything[:2]
        assert files(mongars, "acme readme", max_results=50) == everything

    def test_bad_values(self, mongars):
        assert kinds(mongars, RAG) == [("missing", "query")]
        wrong = {"query": "q" * 4001, "repositories": ["  "], "max_results": 51}
        assert kinds(mongars, RAG, **wrong) == [
            ("string_too_long", "query"),
            ("value_error", "repositories"),
            ("less_than_equal", "max_results"),
        ]
        assert kinds(mongars, RAG, query=" ", max_results=0) == [
            ("value_error", "query"),
            ("greater_than_equal", "max_results"),
        ]

    def test_disabled(self, mongars, server):
        server.fail("mongars", 503)
        answer = mongars.post(RAG, json={"query": "q"})
        assert (answer.status_code, answer.json()) == (503, {"detail": "RAG disabled"})


class TestSuggestions:
    def test_default_actions(self, mongars):
        answer = ask(as_user(mongars, "alice"), SUGGEST, prompt="Please summarize this, then explain it")
        assert answer == {
            "actions": ["summarize", "explain", "code"],
            "scores": {"summarize": 3.0, "explain": 2.0, "code": 1.0},
            "model": "heuristic-keyword",
        }

    def test_own_actions(self, mongars):
        actions = ["Pay", " refuse ", "refuse", "wait"]
        answer = ask(mongars, SUGGEST, prompt="wait, or WAIT and pay", actions=actions)
        assert answer["actions"] == ["wait", "Pay", "refuse"]
        assert answer["scores"]["refuse"] == 1.0

    def test_bad_values(self, mongars):
        assert kinds(mongars, SUGGEST, prompt="", actions=[]) == [
            ("string_too_short", "prompt"),
            ("value_error", "actions"),
        ]
        assert kinds(mongars, SUGGEST, prompt="p" * 8001, actions=["a", ""]) == [
            ("string_too_long", "prompt"),
            ("value_error", "actions"),
        ]
        assert kinds(mongars, SUGGEST, prompt=" ", actions="a") == [
            ("value_error", "prompt"),
            ("list_type", "actions"),
        ]


class TestModels:
    def rows(self, mongars, **fields):
        statuses = ask(mongars, PROVISION, **fields)["statuses"]
        return [(row["role"], row["action"], row["detail"]) for row in statuses]

    def test_configuration(self, mongars):
        answer = mongars.get("/api/v1/models").json()
        profile = answer["profile"]
        assert answer["active_profile"] == profile["name"]
        assert answer["available_profiles"] == [profile["name"]]
        assert set(profile["models"]) == {"general", "coding", "reasoning"}
        for role, model in profile["models"].items():
            assert model["role"] == role
            assert isinstance(model["parameters"], dict)

    @pytest.mark.parametrize("roles", [None, []])
    def test_all_roles(self, mongars, roles):
        first = self.rows(mongars, roles=roles)
        assert [(role, action) for role, action, _ in first if ":" not in role] == [
            ("coding", "installed"),
            ("general", "installed"),
            ("reasoning", "installed"),
        ]
        assert [row[1:] for row in first if ":" in row[0]] == [("error", "source_missing")] * 3
        assert self.rows(mongars) == [
            (role, "skipped", "already_ensured") for role in ("coding", "general", "reasoning")
        ]
        assert self.rows(mongars, force=True) == first

    def test_some_roles(self, mongars):
        first = self.rows(mongars, roles=[" General ", "GENERAL"])
        assert [role for role, _, _ in first] == ["general", "general:dolphin-x1-chat-baseline"]
        assert self.rows(mongars, roles=["coding", "general"], force="no")[2:] == [
            ("general", "skipped", "already_ensured")
        ]

    def test_an_unknown_role_has_the_row_of_another(self, mongars):
        assert self.rows(mongars, roles=["poetry"])[0] == ("general", "installed", None)

    def test_bad_values(self, mongars):
        assert kinds(mongars, PROVISION, roles="general", force="maybe") == [
            ("list_type", "roles"),
            ("bool_parsing", "force"),
        ]
        assert kinds(mongars, PROVISION, roles=["general", " "]) == [("value_error", "roles")]
        answer = mongars.post(PROVISION)
        assert answer.json()["detail"][0]["loc"] == ["body"]
