"""Run a benchmark on ArgusLM and report the time to first token (TTFT) and the speed of each model.

To run it offline, against a local test server that the script starts:

    python examples/benchmark_report.py

To run it against a real server (--png needs the extra "plot", live progress the extra "ws"):

    export ARGUSLM_BASE_URL=http://localhost:8000
    python examples/benchmark_report.py --runs 5 --png report.png
"""

import argparse
import importlib
import os
import sys
from statistics import mean
from typing import Any, Dict, List

from chatsdk import ChatSDKError, Client
from chatsdk.arguslm import ArgusLM, BenchmarkEvent, BenchmarkResult
from chatsdk.testing import LocalServer

Row = Dict[str, Any]

BAR_WIDTH = 30  # characters


def main() -> None:
    """Run the benchmark, print the report and draw it if asked to."""
    arguments = parse_arguments()
    figure = create_figure(arguments.png) if arguments.png else None  # fail before a long benchmark
    if arguments.url or os.environ.get("ARGUSLM_BASE_URL"):
        with Client(arguslm=arguments.url) as client:
            results = run_benchmark(client.arguslm, arguments)
    else:
        print("No server is configured, so this runs offline against chatsdk.testing.LocalServer.")
        with LocalServer() as server, Client(arguslm=server.services()["arguslm"]) as client:
            results = run_benchmark(client.arguslm, arguments)
    rows = summarize(results)
    print_table(rows)
    if figure is not None:
        draw_bars(figure, rows)
        figure.savefig(arguments.png, format="png")
        print(f"written: {arguments.png}")


def run_benchmark(api: ArgusLM, arguments: argparse.Namespace) -> List[BenchmarkResult]:
    """Start a benchmark, show its progress and return its results."""
    models = arguments.models or [model.id for model in api.iter_models(enabled_for_benchmark=True)]
    if not models:
        sys.exit("no model is enabled for benchmarks")
    run = api.start_benchmark(
        model_ids=models,
        prompt_pack=arguments.prompt_pack,
        num_runs=arguments.runs,
        max_tokens=arguments.max_tokens,
    )
    print(f"benchmark {run.id}: {len(models)} models, {arguments.runs} calls each", flush=True)
    for event in api.stream_benchmark(run.id, timeout=arguments.timeout):
        show_progress(event)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return api.get_benchmark_results(run.id).results


def show_progress(event: BenchmarkEvent) -> None:
    """Update a progress bar if stderr is a terminal, otherwise print each result."""
    if sys.stderr.isatty():
        if event.total:
            bar = "#" * (BAR_WIDTH * event.completed // event.total)
            text = f"\r[{bar:.<{BAR_WIDTH}}] {event.completed}/{event.total}"
            print(text, end="", file=sys.stderr, flush=True)
    elif event.data is not None:
        outcome = "failed" if event.data.error else f"{event.data.ttft_ms:.1f} ms"
        print(f"{one_line(event.data.model_name or '')}: {outcome}", file=sys.stderr, flush=True)


def summarize(results: List[BenchmarkResult]) -> List[Row]:
    """Return one row per model: the means of its successful calls, and the errors of the others."""
    by_model: Dict[str, List[BenchmarkResult]] = {}
    for result in results:
        by_model.setdefault(result.model_id, []).append(result)
    rows = []
    for model_id, calls in by_model.items():
        succeeded = [call for call in calls if not call.error]
        rows.append(
            {
                "model": one_line(calls[0].model_name or model_id),
                "calls": len(calls),
                "errors": [one_line(call.error) for call in calls if call.error],
                "ttft_ms": mean(call.ttft_ms for call in succeeded) if succeeded else None,
                "tps": mean(call.tps for call in succeeded) if succeeded else None,
            }
        )
    return sorted(rows, key=lambda row: str(row["model"]))


def one_line(text: str) -> str:
    """Return a text without line breaks."""
    return " ".join(text.split())


def print_table(rows: List[Row]) -> None:
    """Print the rows as a table, then the first error of each model."""
    width = max(len(name) for name in ["model", *(row["model"] for row in rows)])
    print(f"{'model':<{width}}  calls  failed  TTFT ms  tokens/s")
    for row in rows:
        ttft, tps = ("-" if row[name] is None else f"{row[name]:.1f}" for name in ("ttft_ms", "tps"))
        print(f"{row['model']:<{width}}  {row['calls']:>5}  {len(row['errors']):>6}  {ttft:>7}  {tps:>8}")
    for row in rows:
        if row["errors"]:
            print(f"{row['model']}: {row['errors'][0]}")


def create_figure(path: str) -> Any:
    """Return an empty figure; exit if matplotlib is missing or the file cannot be written."""
    try:
        matplotlib_figure = importlib.import_module("matplotlib.figure")
    except ImportError:
        sys.exit('--png needs matplotlib: python -m pip install ".[plot]"')
    if not os.access(os.path.dirname(os.path.abspath(path)), os.W_OK):
        sys.exit(f"--png: cannot write to {path}")
    return matplotlib_figure.Figure()


def draw_bars(figure: Any, rows: List[Row]) -> None:
    """Draw two bar charts: time to first token and tokens per second."""
    figure.set_size_inches(10, 1.5 + 0.5 * len(rows))
    charts = figure.subplots(1, 2, sharey=True)
    titles = {"ttft_ms": "time to first token, ms", "tps": "tokens per second"}
    for chart, (name, title) in zip(charts, titles.items()):
        bars = chart.barh(range(len(rows)), [row[name] or 0.0 for row in rows])
        labels = ["failed" if row[name] is None else f"{row[name]:.0f}" for row in rows]
        chart.bar_label(bars, labels, padding=3)
        chart.margins(x=0.15)
        chart.set_title(title)
    charts[0].set_yticks(range(len(rows)))
    charts[0].set_yticklabels([row["model"].replace("$", r"\$") for row in rows])  # "$" begins a formula
    charts[0].invert_yaxis()
    figure.tight_layout()


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Run a benchmark and print a report.")
    parser.add_argument("--url", help="URL of ArgusLM (default: $ARGUSLM_BASE_URL, or a local test server)")
    parser.add_argument(
        "--models", nargs="+", metavar="ID", help="default: all that are enabled for benchmarks"
    )
    parser.add_argument("--prompt-pack", default="health_check")
    parser.add_argument("--runs", type=int, default=2, help="calls of each model, 1 to 10")
    parser.add_argument("--max-tokens", type=int, default=100, help="1 to 4096")
    parser.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="for the whole run")
    parser.add_argument("--png", metavar="FILE", help="also draw bar charts to this file")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except (ChatSDKError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; the benchmark continues on the server")
