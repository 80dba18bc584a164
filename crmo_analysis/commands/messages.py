"""What the command says, and what it says when something is wrong."""

from pathlib import Path

import click

from crmo_analysis.files import (
    IS_INSTALLED,
    CrmoError,
    InputError,
    UnfinishedError,
    is_of_project,
    is_study_folder,
    meant,
    no_study,
    study_names,
)


class Stopped(click.ClickException):
    """A message in place of the way through the program: a notebook failed."""

    def show(self, file=None):
        """Print the message; it says by itself what went wrong and what to do next."""
        click.echo(f"crmo: {self.format_message()}", err=True, file=file)


class Wrong(Stopped):
    """Something that the person who typed the command can put right."""

    exit_code = 2


class Unfinished(Stopped):
    """What was asked was not decided within the effort allowed; what is shown was found, and is no proof."""

    exit_code = 3


def outside(context, option, path):
    """Refuse to write among what belongs to the project."""
    if path and is_of_project(path):
        own = f"{option.opts[0]} {path} is among the project's own files"
        raise Wrong(f"{own}; choose another, such as results/mine or data/private.")
    return path


class Commands(click.Group):
    """Commands whose help ends with lines to try, and whose errors are messages.

    The way through the program is not shown.
    """

    def get_command(self, ctx, name):
        """Find a command, with lines to try at the end of its help."""
        command = super().get_command(ctx, name)
        if command is not None and not isinstance(command, click.Group):
            lines = _examples(f"{ctx.command_path} {name}")
            command.epilog = "\b\n" + "\n".join(["Examples:", *(f"  {line}" for line in lines)])
        return command

    def resolve_command(self, ctx, args):
        """Find the command that was typed, or suggest the one that was meant."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            near = meant(args[0], self.commands) or "."
            raise Wrong(f"there is no command {args[0]!r}{near} See crmo --help.")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx):
        """Run the command that was typed."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # before there is anything to be told of
            click.echo("Stopped by Ctrl-C.", err=True)
            raise SystemExit(130) from None
        except click.MissingParameter as error:
            said = [f"{error.format_message()} As in:", *_examples(error.ctx.command_path)]
            raise click.UsageError("\n".join(said), error.ctx) from None
        except InputError as error:
            raise Wrong(str(error)) from None
        except UnfinishedError as error:
            raise Unfinished(f"unfinished: {error}; try a larger --seconds") from None
        except CrmoError as error:
            raise Stopped(str(error)) from None
        except OSError as error:
            if not error.filename:
                raise
            raise Wrong(f"{error.filename}: {error.strerror}") from None


def _examples(path):
    """List lines to try of a command, however the program is called; a test runs them as they stand."""
    start = " ".join(["crmo", *path.split()[1:], ""])
    lines = Path(__file__).with_name("examples.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if f"{line} ".startswith(start)]


def check_studies(studies, known=None):
    """Refuse a study that is neither known nor the path of a folder, with a suggestion."""
    known = study_names() if known is None else known
    for study in studies:
        if study not in known and not is_study_folder(study):
            raise no_study(study, known)


def check_project():
    """Refuse a command that writes among the project's own files where they are not."""
    if IS_INSTALLED:
        raise Wrong(
            "this command works on the files of the project, and here is the installed package alone: "
            "clone the project, or unpack its archive, and run it there."
        )


def refuse_left_out(problems):
    """End with what is wrong with the studies that could not be read; what is about the others is done."""
    if problems:
        raise Wrong("left out: " + "\nleft out: ".join(problems.values()))


def counted(number, noun):
    """Write a number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def print_table(frame):
    """Print a table; into a file or a pipe, with lines as long as a search needs them to be."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in frame:
        # An identifier that is cut short cannot be looked up.
        table.add_column(name, overflow="fold", no_wrap=name == "claim_id")
    for row in frame.astype(str).itertuples(index=False):
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    console = console if console.is_terminal else Console(highlight=False, markup=False, width=240)
    console.print(table)
