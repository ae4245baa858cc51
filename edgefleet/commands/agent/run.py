"""``edgefleet agent run``."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from edge_contract.errors import UsageError
from edgefleet.commands.agent import options as opt
from edgefleet.commands.agent import run_options as more
from edgefleet.commands.agent.answering import answer_rows
from edgefleet.commands.agent.config_file import ConfigFile

if TYPE_CHECKING:
    from edge_agent.agent import Agent

__all__ = ["run"]


def run(  # noqa: PLR0917  one argument per option
    ctx: typer.Context,
    model: Annotated[
        list[str] | None,
        typer.Argument(
            help="Name of a model, or path of a model package; several of them for several models "
            "on one device. In the environment with spaces between.",
            envvar="EDGEFLEET_MODEL",
        ),
    ] = None,
    config: ConfigFile = None,  # noqa: ARG001  it was read before the others
    cloud: opt.BrokerUrl = None,
    device: opt.Device = None,
    fleet: opt.Fleet = "default",
    state: opt.State = None,
    tag: opt.Tags = None,
    interval: opt.Interval = 60.0,
    username: opt.BrokerUser = None,
    password: opt.BrokerPassword = None,
    provider: opt.Provider = None,
    device_memory_mb: opt.DeviceMemory = None,
    variant: opt.Variant = "exact",
    profile: opt.Profile = "balanced",
    threads: opt.Threads = None,
    salt: opt.Salt = None,
    noise_epsilon: opt.NoiseEpsilon = 0.0,
    serve: more.Serve = None,
    serve_unix: more.ServeUnix = None,
    serve_batch: more.ServeBatch = 64,
    serve_delay_ms: more.ServeDelay = 0.0,
    serve_deadline: more.ServeDeadline = 10.0,
    max_memory_mb: more.MaxMemory = None,
    max_disk_mb: more.MaxDisk = None,
    outbox_mb: more.OutboxMb = 32,
    download_only: more.DownloadOnly = False,
    maintenance_window: more.MaintenanceWindow = None,
    trusted_root: more.TrustedRoot = None,
    join_token: more.JoinToken = None,
    ca: more.CaFile = None,
    plain_text: more.PlainText = False,
    keep_samples: more.KeepSamples = None,
    samples_mb: more.SamplesMb = 16.0,
    samples_days: more.SamplesDays = 7.0,
    shadow_sample: more.ShadowSample = 1.0,
    shadow_cpu: more.ShadowCpu = 0.25,
    log_format: more.LogFormat = "console",
    log_level: more.LogLevel = "info",
    log_file: more.LogFile = None,
    log_file_mb: more.LogFileMb = 10.0,
    log_files: more.LogFiles = 5,
    log_predictions: more.LogPredictions = 0.0,
) -> None:
    """Run an agent until Ctrl-C.

    Rows piped to standard input, one JSON value a line (a list of numbers, or an object by feature
    name), are answered with one JSON line each, one that does not fit the model with its error; at
    their end the agent leaves, with code 1 if there were errors. Without rows the agent stays,
    follows rollouts and can be looked at with [bold]edgefleet agent status[/bold]. Where several
    models run, a line is an object with `model`, its name, and `row`.

    With --serve or --serve-unix it answers other processes instead, and reads no rows.
    """
    from edge_agent.adapters.systemd import ServiceManager
    from edge_agent.agent import Agent
    from edgefleet.logs import LogOptions, start_logging
    from edgefleet.service import leaving_on_sigterm, watched
    from edgefleet.serving import serve_agent, serving_options

    models = _named(ctx, model or ())
    if not models:
        raise UsageError(
            "no model is named: give one as argument, as `model` in the file, or as EDGEFLEET_MODEL"
        )
    start_logging(
        LogOptions(
            form=log_format,
            level=log_level,
            file=log_file,
            file_bytes=round(log_file_mb * 2**20),
            files=log_files,
        )
    )
    console = Console(stderr=True)
    manager = ServiceManager()
    options = serving_options(
        serve,
        serve_unix,
        batch=serve_batch,
        delay_ms=serve_delay_ms,
        deadline_s=serve_deadline,
        plain_text=plain_text,
    )
    with (
        leaving_on_sigterm(),
        Agent(
            models,
            cloud=cloud,
            device=device,
            fleet=fleet,
            state=state,
            tags=_tags(tag or []),
            interval_s=interval,
            username=username,
            password=password,
            outbox_bytes=outbox_mb * 2**20,
            providers=provider or ("cpu",),
            device_memory_mb=device_memory_mb,
            variant=variant,
            profile=profile,
            threads=threads,
            salt=salt,
            noise_epsilon=noise_epsilon,
            max_memory_mb=max_memory_mb,
            max_disk_mb=max_disk_mb,
            log_predictions=log_predictions,
            download_only=download_only,
            maintenance_window=maintenance_window or (),
            trusted_root=trusted_root,
            join_token=join_token,
            ca_file=ca,
            plain_text=plain_text,
            keep_samples=keep_samples or (),
            samples_mb=samples_mb,
            samples_days=samples_days,
            shadow_sample=shadow_sample,
            shadow_cpu=shadow_cpu,
        ) as agent,
        watched(agent, manager),
    ):
        where = escape(str(agent.state))
        console.print(f"agent [bold]{agent.device}[/bold] keeps its state in {where}")
        if options is not None:
            serve_agent(agent, options, console, on_ready=manager.ready)
            return
        manager.ready(f"agent {agent.device} runs")
        failed = _work(agent, console, stays=agent.has_cloud)
        agent.close()  # nobody is in a hurry
    if failed:
        raise typer.Exit(1)


def _work(agent: "Agent", console: Console, *, stays: bool) -> int:
    """Answer the rows on standard input, if any come; return how many failed."""
    answered = answer_rows(agent)
    if not answered.rows and stays:
        console.print("running; Ctrl-C ends it")
        threading.Event().wait()
    elif not answered.rows:
        console.print("no rows came on standard input, and there is no cloud to follow")
    return answered.failed


def _tags(pairs: list[str]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"tag {pair!r} is not NAME=VALUE, like site=oslo")
        tags[name] = value
    return tags


def _named(ctx: typer.Context, models: Sequence[str]) -> Sequence[str]:
    """Return the models that are asked for; of the environment, a path may hold spaces."""
    source = ctx.get_parameter_source("model")
    whole = os.environ.get("EDGEFLEET_MODEL", "")
    is_path = source is not None and source.name == "ENVIRONMENT" and Path(whole).exists()
    return [whole] if is_path else models
