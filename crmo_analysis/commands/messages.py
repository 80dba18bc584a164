"""What the command says, and what it says when something is wrong."""

import click

from crmo_analysis.commands.examples import examples
from crmo_analysis.files import (
    IS_INSTALLED,
    CrmoError,
    InputError,
    UnfinishedError,
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
    return examples(" ".join(["crmo", *path.split()[1:]]))  # however the program is called


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
