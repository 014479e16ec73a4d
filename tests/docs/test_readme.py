"""README.md: its code runs, and what it names exists."""

import inspect
import logging
import re
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest

import chatsdk
from chatsdk import (
    APIStatusError,
    ChatSDKError,
    Client,
    Service,
    Stream,
    arguslm as arguslm_package,
    chatserver as chatserver_package,
    infinity as infinity_package,
    mongars as mongars_package,
    zaguan as zaguan_package,
)
from chatsdk._core.download import Download
from chatsdk._core.options import CONNECT_TIMEOUT, STREAM_TIMEOUT
from chatsdk._core.retry import MAX_RETRY_WAIT
from chatsdk.arguslm import ArgusLM, BenchmarkEvent
from chatsdk.chatserver import ChatServer
from chatsdk.errors import APIConnectionError, APIError, APIResponseError, StreamError, status_error
from chatsdk.infinity import Infinity
from chatsdk.mongars import MonGARS
from chatsdk.testing import LocalServer
from chatsdk.zaguan import ChatChunk, ChatResponse, Zaguan
from tests.docs.conftest import VARIABLES
from tests.docs.programs import ROOT
from tests.docs.spans import Wrong, attributes_of, check, spans_of

README = (ROOT / "README.md").read_text(encoding="utf-8")
SERVICES = (MonGARS, ChatServer, ArgusLM, Infinity, Zaguan)
PACKAGES = {
    "mongars": mongars_package,
    "chatserver": chatserver_package,
    "arguslm": arguslm_package,
    "infinity": infinity_package,
    "zaguan": zaguan_package,
}
# How the tables of calls begin: the name of a service and the package of its other client.
TABLES = {
    "mongars": "**monGARS (`monGARS_sdk`)**",
    "chatserver": "**ChatServer (`chatserver_sdk`)**",
    "arguslm": "**ArgusLM (`arguslm`)**",
    "infinity": "**Infinity Assistant (`infinity_assistant`)**",
    "zaguan": "**Zaguan (`zaguan`, `zaguan_sdk`)**",
}


def names_of(package: Any) -> Dict[str, Any]:
    """What a package exports."""
    return {
        name: item
        for name, item in vars(package).items()
        if not (name.startswith("_") or inspect.ismodule(item))
    }


Block = Tuple[int, str]  # the line above it, and its code


def blocks_by_section() -> Dict[str, List[Block]]:
    sections: Dict[str, List[Block]] = {}
    for match in re.finditer(r"^## ([^\n]+)$|^```python\n(.*?)^```$", README, re.M | re.S):
        if match.group(1):
            title = match.group(1)
        else:
            line = README.count("\n", 0, match.start()) + 1
            sections.setdefault(title, []).append((line, match.group(2)))
    return sections


def section(title: str) -> str:
    match = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.M | re.S)
    assert match is not None
    return match.group(1)


def rows(text: str) -> List[List[str]]:
    """The cells of all tables, without their head."""
    found = []
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.M):
        lines = table.splitlines()[2:]
        found += [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return found


class TestCode:
    @pytest.fixture(autouse=True)
    def _surroundings(
        self, addresses: Dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> Iterator[None]:
        monkeypatch.chdir(tmp_path)  # some blocks write files
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in addresses.items():
            monkeypatch.setenv(name, value)
        level = logging.getLogger("chatsdk").level
        yield
        logging.getLogger("chatsdk").setLevel(level)

    @pytest.mark.parametrize("title", blocks_by_section())
    def test_runs(self, title: str, server: LocalServer):
        namespace: Dict[str, Any] = {"__name__": "__main__"}
        for line, code in blocks_by_section()[title]:
            if "asyncio.to_thread" in code and sys.version_info < (3, 9):
                continue
            try:
                # The empty lines before it give a failure the line of README.md.
                exec(compile("\n" * line + code, "README.md", "exec"), namespace)
            finally:
                for value in list(namespace.values()):
                    if isinstance(value, Client):
                        value.close()

    def test_each_block_says_what_it_imports(self):
        for blocks in blocks_by_section().values():
            for _, code in blocks:
                assert "from chatsdk import" in code
                assert "Client()" in code or "Client(" in code

    def test_there_are_blocks(self):
        assert sum(map(len, blocks_by_section().values())) > 8


class TestNames:
    @pytest.fixture
    def known(self, server: LocalServer) -> Iterator[Dict[str, Any]]:
        with Client(**server.services()) as client:
            stream = client.zaguan.chat_stream(model="openai/gpt-4o", messages="Hello")
            stream.final()
            known: Dict[str, Any] = {}
            for package in (*PACKAGES.values(), chatsdk):
                known.update(names_of(package))
            errors = (
                APIStatusError(""),
                StreamError(""),
                APIResponseError(""),
                zaguan_package.InsufficientCreditsError(""),
                zaguan_package.BandAccessDeniedError(""),
                infinity_package.InfinityAssistantRateLimitError(""),
                mongars_package.AuthenticationError(""),
            )
            download = client.arguslm.export_uptime_history()
            known.update(
                client=client,
                api=tuple(getattr(client, service) for service in PACKAGES),
                argus=client.arguslm,
                download=download,
                event=BenchmarkEvent(),
                server=server,
                stream=stream,
                error=errors,
                response=ChatResponse(),
                chunk=ChatChunk(),
                LocalServer=LocalServer,
            )
            yield known
            download.close()

    def test_in_running_text(self, known: Dict[str, Any]):
        # The first column of the tables of this section shows other libraries.
        text = README.replace(section("Migrating from other clients"), "")
        assert sum([check(span, known) for span in spans_of(text)]) > 30

    @pytest.mark.parametrize("service", TABLES)
    def test_in_the_tables_of_calls(self, known: Dict[str, Any], service: str):
        text = section("Migrating from other clients")
        assert TABLES[service] in text
        table = re.split(r"\n\n(?=[^|])", text.partition(TABLES[service] + "\n")[2].lstrip())[0]
        known.update(names_of(PACKAGES[service]))
        known["api"] = getattr(known["client"], service)
        new = [cells[1] for cells in rows(table)]
        assert sum([check(span, known) for cell in new for span in spans_of(cell)]) > 3

    @pytest.mark.parametrize(
        "span",
        [
            "api.chat_sinple('x')",
            "api.get_session(id, user_id=user_id)",
            "api.chat(model=..., mesages=...)",
            "Client(zaguan=...).zagun",
            "Service(api_key, base_url)",
            "error.retry_later",
            "stream.end()",
            "server.fail(service, status, text=None)",
            "from chatsdk.zaguan import ZaguanClient",
        ],
    )
    def test_wrong_ones_are_noticed(self, known: Dict[str, Any], span: str):
        with pytest.raises(Wrong):
            check(span, known)

    @pytest.mark.parametrize("service", SERVICES, ids=lambda service: service._spec.name)
    def test_every_method_is_shown(self, service: Any):
        methods = [name for name in attributes_of(service) if inspect.isfunction(getattr(service, name))]
        assert methods
        assert [name for name in methods if f".{name}(" not in README] == []

    def test_every_part_of_the_stand_in_is_shown(self):
        names = set(attributes_of(LocalServer)) - {"close"}
        assert [name for name in sorted(names) if f"server.{name}" not in README] == []

    def test_everything_of_a_stream_is_shown(self):
        assert [name for name in attributes_of(Stream) if f"stream.{name}" not in README] == []

    def test_everything_of_a_download_is_shown(self):
        assert [name for name in attributes_of(Download) if f"download.{name}" not in README] == []

    def test_errors_named_anywhere_exist(self):
        words = set(re.findall(r"\b[A-Z]\w*Error\b", README)) - {"OSError", "TypeError", "ValueError"}
        known = {*names_of(chatsdk), *(name for package in PACKAGES.values() for name in names_of(package))}
        assert words <= known

    def test_aliases(self):
        assert chatserver_package.UnauthorizedError is chatserver_package.AuthenticationError
        assert chatserver_package.ForbiddenError is chatserver_package.PermissionDeniedError


class TestErrorTree:
    LINE = re.compile(r"( *)(\w+) *(.*)")

    def tree(self) -> List[Tuple[type, Any, str]]:
        """Each class with the one above it and what is said of it."""
        match = re.search(r"^```text\n(ChatSDKError.*?)^```$", README, re.M | re.S)
        assert match is not None
        path: List[type] = []
        found = []
        for text in match.group(1).splitlines():
            line = self.LINE.fullmatch(text)
            assert line is not None
            depth = len(line.group(1)) // 4
            kind = getattr(chatsdk, line.group(2))
            path[depth:] = [kind]
            found.append((kind, path[depth - 1] if depth else Exception, line.group(3)))
        return found

    def test_is_the_real_one(self):
        for kind, above, _ in self.tree():
            assert kind.__bases__[0] is above

    def test_is_complete(self):
        every = {item for name, item in names_of(chatsdk).items() if name.endswith("Error")}
        assert {kind for kind, _, _ in self.tree()} == every

    def test_statuses(self):
        for kind, _, text in self.tree():
            if text[:1].isdigit():
                assert status_error(int(text[:3].replace("xx", "00"))) is kind

    def test_value_errors(self):
        for kind, _, text in self.tree():
            assert issubclass(kind, ValueError) == ("also a ValueError" in text)

    @pytest.mark.parametrize(
        ("kind", "names"),
        [
            (ChatSDKError, "message, status_code, request_id"),
            (APIError, "service, method, url, partial"),
            (APIStatusError, "code, type, param, body, response, retry_after, hint"),
            (APIResponseError, "body, content_type, response"),
            (StreamError, "code, type, param, body"),
        ],
    )
    def test_attributes(self, kind: Any, names: str):
        error = kind("text")
        assert all(hasattr(error, name) for name in names.split(", "))
        assert names in next(text for found, _, text in self.tree() if found is kind)
        assert issubclass(APIConnectionError, APIError)


class TestConfiguration:
    def test_variables(self):
        named = set(re.findall(r"\b[A-Z_]+_(?:BASE_URL|API_KEY)\b", README))
        assert named == {
            f"{service._spec.env_prefix}_{end}" for service in SERVICES for end in ("BASE_URL", "API_KEY")
        }

    @pytest.mark.parametrize("service", SERVICES, ids=lambda service: service._spec.name)
    def test_defaults(self, service: Any):
        cells = next(
            row for row in rows(README) if row[0] == f"`client.{service._spec.name}`" and len(row) == 6
        )
        assert cells[1:] == [
            f"`{service._spec.env_prefix}_BASE_URL`",
            f"`{service._spec.env_prefix}_API_KEY`",
            f"`{service._spec.base_url}`" if service._spec.base_url else "none",
            f"{service._spec.timeout:g} s",
            str(service._spec.max_retries),
        ]

    def test_settings(self):
        settings = {row[0].strip("`"): row[1] for row in rows(section("Configuration")) if len(row) == 3}
        for place, names in {
            "Service": set(inspect.signature(Service).parameters),
            "Client": set(inspect.signature(Client).parameters)
            - {service._spec.name for service in SERVICES},
            "with_options": set(inspect.signature(Zaguan.with_options).parameters) - {"self"},
        }.items():
            assert {name for name, where in settings.items() if place in where} == names

    def test_limits(self):
        text = section("Timeouts and limits")
        assert f"Connecting: {CONNECT_TIMEOUT:g}." in text
        assert f"Between two chunks of a stream: {STREAM_TIMEOUT:g}." in text
        assert f"{Service().max_response_bytes // 2**20} MiB" in section("Configuration")
        assert f"more than {MAX_RETRY_WAIT:g} s" in section("Retries")
        for service in SERVICES:
            named = re.search(rf"\b{service._spec.timeout:g} \(([^;)]*)", text)
            assert named is not None
            assert service.__name__ in named.group(1).replace("monGARS", "MonGARS")


class TestInstallation:
    def test_commands(self):
        commands = re.findall(r"^```sh\n(.*?)\n```$", README, re.M | re.S)
        assert commands == [
            "python -m pip install . && python examples/quickstart.py",
            'python -m pip install ".[test]" && python -m pytest',
        ]

    def test_promises_no_package_index(self):
        assert not re.search(r"pip install chatsdk", README, re.I)


def test_links():
    anchors = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", README, re.M)
    }
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert targets
    for target in targets:
        assert target[1:] in anchors if target.startswith("#") else (ROOT / target).is_file()


def test_examples_named_exist():
    named = set(re.findall(r"examples/\w+\.py", README))
    assert named == {f"examples/{path.name}" for path in (ROOT / "examples").glob("*.py")}
