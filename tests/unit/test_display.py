"""How texts, lists, answers and services are shown in notebooks and terminals."""

import io
import sys
from dataclasses import dataclass
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any, List

import pytest

from chatsdk import Client, Service
from chatsdk._core import display as display_module, progress as progress_module
from chatsdk._core.display import show_text
from chatsdk._core.model import Model, required_field
from chatsdk._core.progress import Progress
from chatsdk._core.result_list import ListResponse, ResultList
from chatsdk.testing import LocalServer
from chatsdk.zaguan import ChatResponse

from .helpers import CHATSERVER, ZAGUAN, sse


@dataclass
class Item(Model):
    id: str = ""
    value: Any = None


@dataclass
class Items(ListResponse):
    items: List[Item] = required_field(default_factory=list)


class Printer:
    """The part of IPython's printer that is used: it takes the first class with either method."""

    def __init__(self) -> None:
        self.texts: List[str] = []

    def text(self, text: str) -> None:
        self.texts.append(text)


def pretty(value):
    printer = Printer()
    for cls in type(value).__mro__:
        if callable(vars(cls).get("_repr_pretty_")):
            cls._repr_pretty_(value, printer, False)
            break
        if "__repr__" in vars(cls):
            return repr(value)
    return "".join(printer.texts)


@pytest.fixture
def shown(monkeypatch):
    """A notebook; what it shows of one output, update after update."""
    shown: List[str] = []
    handle = SimpleNamespace(update=shown.append)
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    module = ModuleType("IPython.display")
    module.Markdown = str
    module.display = lambda text, display_id: shown.append(text) or handle
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return shown


@pytest.fixture
def no_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)


class TestText:
    def test_on_stdout(self, capsys):
        show_text(["a", "", "ö"])
        assert capsys.readouterr().out == "aö\n"

    def test_the_terminal_of_ipython_is_no_notebook(self, shown, monkeypatch, capsys):
        monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace())
        show_text(["a"])
        assert (capsys.readouterr().out, shown) == ("a\n", [])

    def test_what_stdout_cannot_encode_is_replaced(self, monkeypatch):
        file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", file)
        show_text(["a\U0001f600", "\ud83d"])
        file.flush()
        assert file.buffer.getvalue().split() == [b"a??"]

    def test_it_grows_in_a_notebook(self, shown, monkeypatch):
        monkeypatch.setattr(display_module, "_UPDATE_SECONDS", 0)
        show_text(["*a*", " b"])
        assert shown == ["", "*a*", "*a* b", "*a* b"]

    def test_few_updates_of_many_pieces(self, shown, monkeypatch):
        monkeypatch.setattr(display_module, "_UPDATE_SECONDS", 3600)
        show_text("x" for _ in range(1000))
        assert shown in (["", "x" * 1000], ["", "x", "x" * 1000])

    def test_what_came_before_an_error_is_shown(self, shown):
        def pieces():
            yield "a"
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            show_text(pieces())
        assert shown[-1] == "a"

    def test_streams_of_all_services(self, http, client, capsys):
        chunks = [{"id": "x", "choices": [{"index": 0, "delta": {"content": text}}]} for text in "ab"]
        for url in (f"{ZAGUAN}/v1/chat/completions", f"{CHATSERVER}/v1/chat/completions"):
            http.add("POST", url, body=sse(*chunks), content_type="text/event-stream")
        events = [{"type": "text", "content": text} for text in "ab"]
        http.add(
            "POST",
            "https://infinityassistant.io/api/chat/stream",
            body=sse(*events, {"type": "done"}),
            content_type="text/event-stream",
        )
        streams = [
            client.zaguan.chat_stream(model="m", messages="hi"),
            client.chatserver.create_completion("m", "hi", stream=True),
            client.infinity.chat_stream(message="hi"),
        ]
        for stream in streams:
            assert stream.display().text == "ab"
            assert capsys.readouterr().out == "ab\n"
            assert stream.final().text == "ab"


class TestTables:
    @pytest.mark.parametrize("make", [ResultList, Items])
    def test_readable_values(self, make):
        cells = {
            "2025-01-02T03:04:05.678901Z": "2025-01-02 03:04:05 UTC",
            "2025-01-02T03:04:05+02:00": "2025-01-02 03:04:05+02:00",
            "2025-01-02": "2025-01-02",
            123.456789: "123.5",
            1234567.8: "1,234,568",
            0.000012345: "1.234e-05",
            1715367049: "1715367049",
            True: "True",
        }
        items = make([Item("x", value) for value in cells])
        table = items._repr_html_()
        lines = pretty(items).splitlines()
        assert lines[0].split() == ["id", "value"]
        for text, line in zip(cells.values(), lines[1:]):
            assert f"<td>{text}</td>" in table
            assert line == f"x   {text}"

    def test_seconds_since_1970_are_a_time_by_their_name(self):
        rows = [Item.from_dict({"created": 1715367049, "expires_at": 1715367049.5, "count": 1715367049})]
        expected = "<td>2024-05-10 18:50:49 UTC</td>"
        assert ResultList(rows)._repr_html_().count(expected) == 2

    def test_html_is_bounded(self):
        row = {f"key{number}": "x" * 10_000 for number in range(500)}
        table = ResultList(Item.from_dict(row) for _ in range(1000))._repr_html_()
        assert len(table) < 500_000
        assert "900 more" in table

    def test_a_terminal_gets_as_many_columns_as_fit(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "60")
        row = {f"key{number}": "y" * 15 for number in range(20)}
        lines = pretty(ResultList([Item.from_dict({"id": "x" * 99, **row}) for _ in range(150)])).splitlines()
        assert lines[0].split() == ["id", "key0"]
        assert lines[1] == "x" * 40 + "  " + "y" * 15
        assert lines[-1] == "and 50 more"
        assert len(lines) == 102

    def test_a_terminal_is_not_controlled_by_a_cell(self):
        assert "\x1b" not in pretty(ResultList([Item("\x1b[31mred\n")]))

    def test_an_empty_list(self):
        assert pretty(ResultList()) == ""


class TestObjects:
    def test_an_answer_shows_its_text(self):
        answer = ChatResponse.from_dict({"choices": [{"message": {"content": "# Hi\nthere"}}]})
        assert pretty(answer) == answer._repr_markdown_() == "# Hi\nthere"

    def test_an_answer_without_text_shows_what_it_has(self):
        calls = [{"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]
        answer = ChatResponse.from_dict({"choices": [{"message": {"content": None, "tool_calls": calls}}]})
        assert answer._repr_markdown_() is None
        assert "get_weather" in pretty(answer)

    def test_other_models(self):
        assert pretty(Item("a")) == repr(Item("a")) == "Item(id='a')"

    def test_completions_of_keys(self):
        item = Item.from_dict({"id": "a", "more": 1})
        assert item._ipython_key_completions_() == ["id", "more"]

    def test_services(self, monkeypatch):
        monkeypatch.setenv("CHATSERVER_API_KEY", "sk-secret")
        zaguan = Service(
            ZAGUAN, api_key="sk-secret", timeout=(1, 7), max_retries=5, headers={"X-Key": "sk-secret"}
        )
        client = Client(zaguan=zaguan)
        assert repr(client.zaguan) == f"<Zaguan at {ZAGUAN}, API key set, timeout=7, max_retries=5>"
        text = pretty(client)
        assert "sk-secret" not in text
        assert f"\n  zaguan: {client.zaguan!r}" in text
        assert "\n  chatserver: <ChatServer at http://localhost:3284, API key set, " in text
        assert "\n  mongars: <MonGARS at no base_url, no API key, " in text


class TestProgress:
    def test_nothing_is_shown_unless_asked_for(self, no_tqdm, capsys, monkeypatch):
        with Progress(2, "items", shown=False) as bar:
            bar.update()
        assert capsys.readouterr() == ("", "")
        monkeypatch.setattr(sys, "stderr", None)  # as in programs without a console on Windows
        Progress(2, "items", shown=False).close()

    def test_a_line_that_is_rewritten_in_a_notebook(self, no_tqdm, shown, monkeypatch, capsys):
        monkeypatch.setattr(progress_module, "_TERMINAL_SECONDS", 0)
        with Progress(2, "items") as bar:
            bar.update()
            bar.update()
        lines = capsys.readouterr().err.split("\r")
        assert [line.split(",")[0] for line in lines] == ["", "1/2 items", "2/2 items", "2/2 items"]
        assert lines[-1].endswith("\n")

    def test_each_list_over_pages_takes_a_bar(self, no_tqdm, capsys):
        found = 0
        with LocalServer() as server, Client(**server.services()) as client:
            for service in map(partial(getattr, client), server.services()):
                for name in dir(service):
                    if name.startswith("iter_"):
                        arguments = (
                            ["00000000-0000-0000-0000-000000000007"] if name == "iter_sessions" else []
                        )
                        count = len(list(getattr(service, name)(*arguments, progress=True)))
                        assert f"{count}" in capsys.readouterr().err.splitlines()[-1], name
                        found += 1
        assert found == 7
