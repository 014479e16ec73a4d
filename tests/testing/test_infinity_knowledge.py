import pytest


def search(guest, query="python", **fields):
    answer = guest.post("/search", json={"query": query, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(body):
    return [item["id"] for group in body["results"].values() for item in group]


def research(guest, topic="python testing", **fields):
    answer = guest.post("/research", json={"topic": topic, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


class TestSearch:
    def test_groups(self, guest):
        body = search(guest, "  best practices for Python  ")
        assert (body["success"], body["query"]) == (True, "best practices for Python")
        assert list(body["results"]) == ["wisdom", "patterns", "gotchas"]
        for group, items in body["results"].items():
            assert len(items) == body["counts"][group] > 0
        assert body["counts"]["total"] == len(ids(body))
        assert body["metadata"]["sources"] == ["knowledge-base"]

    def test_patterns_have_other_names(self, guest):
        results = search(guest)["results"]
        for group in ("wisdom", "gotchas"):
            for item in results[group]:
                assert set(item) == {"id", "title", "content", "score", "source"}
        keys = [set(item) for item in results["patterns"]]
        assert {"id", "name", "description", "score", "domain"} in keys
        assert {"id", "name", "description", "domain"} in keys  # the score may be missing

    def test_best_first(self, guest):
        items = search(guest, "python style")["results"]["wisdom"]
        scores = [item["score"] for item in items]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] == 1.0 > scores[-1]

    def test_non_ascii_is_sent_as_it_is(self, guest):
        answer = guest.post("/search", json={"query": "readable"})
        assert "—".encode() in answer.content

    @pytest.mark.parametrize("group", ["wisdom", "patterns", "gotchas"])
    def test_type(self, guest, group):
        body = search(guest, type=group)
        assert body["counts"]["total"] == body["counts"][group] > 0
        assert [name for name, items in body["results"].items() if items] == [group]

    @pytest.mark.parametrize("fields", [{"type": "pattern"}, {"domain": "cooking"}, {"tags": ["x"]}])
    def test_filters_that_fit_nothing(self, guest, fields):
        assert search(guest, **fields)["counts"]["total"] == 0

    def test_domain_and_tags(self, guest):
        everything = set(ids(search(guest)))
        by_domain = set(ids(search(guest, domain="python")))
        by_tag = set(ids(search(guest, tags=["testing", "nothing"])))
        assert by_domain < everything
        assert by_tag < everything
        assert by_domain != by_tag
        both = search(guest, domain="testing", tags=["http"])
        assert both["counts"]["total"] == 0

    def test_filters_of_other_clients_are_ignored(self, guest):
        assert ids(search(guest, filters={"type": "wisdom"})) == ids(search(guest))

    def test_limit_is_for_each_group(self, guest):
        body = search(guest, limit=1)
        assert [len(items) for items in body["results"].values()] == [1, 1, 1]
        assert body["counts"] == search(guest)["counts"]

    @pytest.mark.parametrize("limit", [None, "many", 0, []])
    def test_limits_that_leave_nothing(self, guest, limit):
        body = search(guest, limit=limit)
        assert ids(body) == []
        assert body["counts"]["total"] > 0

    def test_limits_that_leave_everything(self, guest):
        assert ids(search(guest, limit=1e6)) == ids(search(guest, limit=20)) == ids(search(guest))
        endless = guest.post("/search", data=b'{"query": "python", "limit": 1e400}')
        assert ids(endless.json()) == ids(search(guest))

    def test_a_gap_is_noted_for_free_users(self, guest):
        for fields in ({}, {"userTier": "free"}, {"userTier": None}):
            body = search(guest, "zzz", **fields)
            assert body["results"] == {"wisdom": [], "patterns": [], "gotchas": []}
            assert (body["gapCaptured"], body["knowledgeCreated"]) == (True, 0)
            assert '"zzz"' in body["generatedAnswer"]
            assert body["metadata"]["sources"] == ["knowledge-base", "quick-research"]
        assert "gapCaptured" not in search(guest, "zzz", userTier="pro")

    @pytest.mark.parametrize(
        ("body", "error"),
        [
            ({}, "Query is required and must be a non-empty string"),
            ({"query": " "}, "Query is required and must be a non-empty string"),
            ({"query": ["python"]}, "Query is required and must be a non-empty string"),
            ({"query": "x" * 501}, "Query too long. Maximum 500 characters."),
        ],
    )
    def test_bad_queries(self, guest, body, error):
        answer = guest.post("/search", json=body)
        assert (answer.status_code, answer.json()) == (400, {"success": False, "error": error})
        assert guest.post("/search", json={"query": "x" * 500}).status_code == 200


class TestSuggestions:
    def test_begin_as_the_query(self, guest):
        body = guest.get("/search?q=mut").json()
        assert body == {
            "success": True,
            "suggestions": [
                {"text": "Mutable defaults", "type": "gotcha", "metadata": {"gotcha_id": "G.PY.01"}}
            ],
            "query": "mut",
            "count": 1,
        }

    @pytest.mark.parametrize("query", ["", "?q=", "?q=p", "?q=%20p%20"])
    def test_need_two_letters(self, guest, query):
        assert guest.get("/search" + query).json() == {"success": True, "suggestions": []}

    @pytest.mark.parametrize(("limit", "count"), [("2", 2), ("x", 0), ("", 5)])
    def test_limit(self, guest, limit, count):
        body = guest.get(f"/search?q=python&limit={limit}").json()
        assert body["count"] == len(body["suggestions"])
        assert min(body["count"], 5) == count


class TestResearch:
    def test_findings(self, guest):
        result = research(guest)
        assert result["query"] == {"topic": "python testing", "mode": "standard"}
        assert result["mode"] == "standard"
        findings = result["findings"]
        assert 0 < len(findings) <= 5
        for finding in findings:
            assert 0 < finding["relevance"] <= 1
            assert not {"title", "url", "summary"} & set(finding)
        assert result["sources"] == {"internal": len(findings), "external": 0, "total": len(findings)}
        synthesis = result["synthesis"]
        assert (
            synthesis["summary"] == f'Research on "python testing" completed with {len(findings)} findings.'
        )
        assert synthesis["keyInsights"] == [finding["content"] for finding in findings[:3]]
        assert synthesis["recommendations"] == []
        timing = result["timing"]
        assert timing["endTime"] - timing["startTime"] == timing["durationMs"] >= 0

    def test_modes(self, guest):
        counts = [
            len(research(guest, mode=mode)["findings"])
            for mode in ("shallow", "quick", "standard", "deep", "comprehensive")
        ]
        assert counts[0] == 0
        assert counts == sorted(counts)
        assert counts[1] < counts[2] < counts[3]
        assert research(guest, mode=None)["mode"] == "standard"
        assert research(guest, mode=["deep"])["findings"] == []

    def test_gaps(self, guest):
        assert research(guest, "basket weaving")["synthesis"]["gaps"] != []
        assert research(guest, "basket weaving", mode="quick")["synthesis"]["gaps"] == []
        assert research(guest, "basket weaving")["synthesis"]["confidence"] == 0.3

    def test_what_was_given_comes_back(self, guest):
        given = {"context": None, "domains": ["http"], "maxSources": 3, "includeExternal": True}
        result = research(guest, " http ", **given)
        assert result["query"] == {"topic": "http", "mode": "standard", **given}
        assert {finding["domain"] for finding in result["findings"]} == {"http"}

    @pytest.mark.parametrize("body", [{"query": "AI", "depth": "deep"}, {"topic": " "}, {"topic": 7}])
    def test_needs_a_topic(self, guest, body):
        answer = guest.post("/research", json=body)
        assert answer.status_code == 400
        assert answer.json() == {
            "success": False,
            "error": "Topic is required and must be a non-empty string",
        }

    def test_status(self, guest):
        assert guest.get("/research").json()["metrics"]["totalResearches"] == 0
        for topic in ("python", "python", "zzz"):
            research(guest, topic)
        body = guest.get("/research").json()
        assert body["metrics"]["totalResearches"] == 3
        assert body["metrics"]["cacheHits"] == 1
        assert body["metrics"]["avgFindings"] == round(10 / 3, 1)
        assert body["modes"] == ["quick", "standard", "deep", "comprehensive"]
