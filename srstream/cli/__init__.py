"""The command line: one file per command; each imports what is heavy when it runs."""

from __future__ import annotations

import typer

from srstream import __version__
from srstream.cli import (
    config,
    demo,
    doctor,
    keys,
    ledger,
    models,
    pipe,
    pretrain,
    send,
    serve,
    tap,
    upscale,
)

app = typer.Typer(
    name="srstream",
    help=(
        "Online super-resolution of image streams: for every frame a small network adapts "
        "itself to that very frame, then enlarges it, and carries its weights to the next."
    ),
    epilog=(
        "Exit status: 0 done or stopped, 1 failed, 2 wrong usage, 70 a bug, 73 no "
        "state folder, 74 GPU lost, 78 wrong settings, 130 interrupted."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("upscale")(upscale.upscale)
app.command("pipe")(pipe.pipe)
app.command("send")(send.send)
app.command("tap")(tap.tap)
app.command("pretrain")(pretrain.pretrain)
app.command("demo")(demo.demo)
app.command("ledger")(ledger.ledger)
app.command("doctor")(doctor.doctor)
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.add_typer(config.app, name="config")


@app.command("version")
def version() -> None:
    """Print the version."""
    typer.echo(f"srstream {__version__}")


__all__ = ["app"]
