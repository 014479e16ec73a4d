"""Run a benchmark on ArgusLM, watch it, and report time to first token and speed of each model.

Offline, against a stand-in that the script starts itself:

    python examples/benchmark_report.py

Against a real server; --png needs the extra "plot", live progress the extra "ws":

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
from chatsdk.arguslm import ArgusLM, BenchmarkResult
from chatsdk.testing import LocalServer

Row = Dict[str, Any]

BAR = 30  # characters


def main() -> None:
    """Run the benchmark where the arguments say."""
    arguments = read_arguments()
    figure = prepare_picture(arguments.png) if arguments.png else None
    if arguments.url or os.environ.get("ARGUSLM_BASE_URL"):
        with Client(arguslm=arguments.url) as client:
            rows = measure(client.arguslm, arguments)
    else:
        print("No server is configured, so this runs offline against chatsdk.testing.LocalServer.")
        with LocalServer() as server, Client(arguslm=server.services()["arguslm"]) as client:
            rows = measure(client.arguslm, arguments)
    print_table(rows)
    if figure is not None:
        draw(figure, rows)
        figure.savefig(arguments.png, format="png")
        print(f"written: {arguments.png}")


def measure(api: ArgusLM, arguments: argparse.Namespace) -> List[Row]:
    """Run a benchmark and return a row for each model."""
    models = arguments.models or [model.id for model in api.iter_models(enabled_for_benchmark=True)]
    if not models:
        sys.exit("no model is enabled for benchmarks")
    run = api.start_benchmark(
        model_ids=models,
        prompt_pack=arguments.prompt_pack,
        num_runs=arguments.runs,
        max_tokens=arguments.max_tokens,
    )
    print(f"benchmark {run.id}: models: {len(models)}, calls of each: {arguments.runs}", flush=True)
    watch(api, run.id, arguments.timeout)
    return summarise(api.get_benchmark_results(run.id).results)


def watch(api: ArgusLM, run_id: str, timeout: float) -> None:
    """Show a bar on a terminal, a line for each result elsewhere, until the run is over."""
    on_terminal = sys.stderr.isatty()
    for event in api.stream_benchmark(run_id, timeout=timeout):
        if on_terminal and event.total:
            filled = BAR * event.completed // event.total
            bar = "#" * filled + "." * (BAR - filled)
            print(f"\r[{bar}] {event.completed}/{event.total}", end="", file=sys.stderr, flush=True)
        elif not on_terminal and event.data is not None:
            outcome = "failed" if event.data.error else f"{event.data.ttft_ms:.1f} ms"
            print(f"{one_line(event.data.model_name or '')}: {outcome}", file=sys.stderr, flush=True)
    if on_terminal:
        print(file=sys.stderr)


def summarise(results: List[BenchmarkResult]) -> List[Row]:
    """Return a row for each model: means over its calls that worked, and what went wrong in the others."""
    by_model: Dict[str, List[BenchmarkResult]] = {}
    for result in results:
        by_model.setdefault(result.model_id, []).append(result)
    rows = []
    for model_id, calls in by_model.items():
        good = [result for result in calls if not result.error]
        rows.append(
            {
                "model": one_line(calls[0].model_name or model_id),
                "calls": len(calls),
                "errors": [result.error for result in calls if result.error],
                "ttft_ms": mean(result.ttft_ms for result in good) if good else None,
                "tps": mean(result.tps for result in good) if good else None,
            }
        )
    return sorted(rows, key=lambda row: str(row["model"]))


def print_table(rows: List[Row]) -> None:
    """Print the rows in columns, a dash where nothing was measured; then one error of each model."""
    width = max([len("model"), *(len(row["model"]) for row in rows)])
    print(f"{'model':<{width}}  calls  failed  TTFT ms  tokens/s")
    for row in rows:
        ttft, tps = ("-" if row[name] is None else f"{row[name]:.1f}" for name in ("ttft_ms", "tps"))
        print(f"{row['model']:<{width}}  {row['calls']:>5}  {len(row['errors']):>6}  {ttft:>7}  {tps:>8}")
    for row in rows:
        if row["errors"]:
            print(f"{row['model']}: {one_line(row['errors'][0])}")


def one_line(text: str) -> str:
    """Return a text without its line breaks."""
    return " ".join(text.split())


def prepare_picture(path: str) -> Any:
    """Return an empty figure; end here, not after a long benchmark, where there can be no picture."""
    try:
        figures = importlib.import_module("matplotlib.figure")
    except ImportError:
        sys.exit('--png needs matplotlib: python -m pip install ".[plot]"')
    if not os.access(os.path.dirname(os.path.abspath(path)), os.W_OK):
        sys.exit(f"--png: no folder that {path} can be written to")
    return figures.Figure()


def draw(figure: Any, rows: List[Row]) -> None:
    """Draw both measures, a bar for each model."""
    figure.set_size_inches(10, 1.5 + 0.5 * len(rows))
    panels = figure.subplots(1, 2, sharey=True)
    measures = [("ttft_ms", "time to first token, ms"), ("tps", "tokens per second")]
    for panel, (key, title) in zip(panels, measures):
        bars = panel.barh(range(len(rows)), [row[key] or 0.0 for row in rows])
        panel.bar_label(
            bars, ["failed" if row[key] is None else f"{row[key]:.0f}" for row in rows], padding=3
        )
        panel.margins(x=0.15)
        panel.set_title(title)
    panels[0].set_yticks(range(len(rows)))
    panels[0].set_yticklabels([row["model"].replace("$", r"\$") for row in rows])  # no mathematics in names
    panels[0].invert_yaxis()
    figure.tight_layout()


def read_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description="Run a benchmark and report on it.")
    parser.add_argument("--url", help="address of ArgusLM; else ARGUSLM_BASE_URL, else a stand-in")
    parser.add_argument("--models", nargs="+", metavar="ID", help="else all that are enabled for benchmarks")
    parser.add_argument("--prompt-pack", default="health_check")
    parser.add_argument("--runs", type=int, default=2, help="calls of each model, 1 to 10")
    parser.add_argument("--max-tokens", type=int, default=100, help="1 to 4096")
    parser.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="for the whole run")
    parser.add_argument("--png", metavar="FILE", help="write a picture too")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except (ChatSDKError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; the server goes on with what it has begun")
