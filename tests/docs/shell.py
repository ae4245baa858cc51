"""Checks command lines of the documentation without running them."""

import re
import shlex
import tomllib

import typer
from typer.core import TyperGroup
from typer.main import get_command

from edgefleet.cli import build_app
from tests.architecture.sources import ROOT

__all__ = ["WrongCommandError", "check_line", "check_script"]

OTHERS = {"echo", "true"}
"""Programs of others that the pages use; what they understand is theirs."""

SEPARATORS = {"|", "||", "&", "&&", ";", "(", ")"}


class WrongCommandError(Exception):
    """A page shows a command that does not exist, or not so."""


def check_script(script: str) -> int:
    """Check every command of a bash block; return how many there are."""
    lines = [line for line in script.replace("\\\n", " ").splitlines() if line.strip()]
    commands = [command for line in lines for command in _commands(line)]
    for command in commands:
        check_line(command)
    return len(commands)


def check_line(words: list[str]) -> None:
    """Check one command.

    Raises:
        WrongCommandError: Program, command, option, target or extra does not exist.
    """
    match words:
        case ["edgefleet", *arguments]:
            _check_edgefleet(arguments)
        case ["make", *arguments]:
            _check_make(arguments)
        case ["pip", "install", *arguments]:
            _check_extras(arguments)
        case [program, *_] if program in OTHERS:
            pass
        case _:
            raise WrongCommandError(f"the pages do not use {words[0]!r} elsewhere: {words}")


def _commands(line: str) -> list[list[str]]:
    """The commands of a line, each as words without redirections and assignments."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    skip = False
    for word in lexer:
        if word in SEPARATORS:
            found.append([])
        elif word.strip("<>") == "":
            skip = True  # the file of a redirection
        elif skip:
            skip = False
        elif found[-1] or not re.fullmatch(r"[A-Z_]+=.*", word):
            found[-1].append(word)
    return [words for words in found if words]


def _check_edgefleet(arguments: list[str]) -> None:
    command = get_command(build_app())
    while isinstance(command, TyperGroup) and arguments and not arguments[0].startswith("-"):
        name, *arguments = arguments
        if name not in command.commands:
            raise WrongCommandError(f"edgefleet has no command {name!r}")
        command = command.commands[name]
    if isinstance(command, TyperGroup) and not arguments:
        return  # prints its help
    try:
        command.make_context(command.name, list(arguments))
    except typer.TyperException as error:
        text = f"edgefleet ... {command.name} {arguments}: {error.format_message()}"
        raise WrongCommandError(text) from error


def _check_make(arguments: list[str]) -> None:
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for argument in arguments:
        if argument not in targets and not re.fullmatch(r"(ARGS|PYTHON)=.*", argument):
            raise WrongCommandError(f"the Makefile has no target {argument!r}")


def _check_extras(arguments: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for extras in re.findall(r"\[([\w,]+)\]", " ".join(arguments)):
        for extra in extras.split(","):
            if extra not in project["optional-dependencies"]:
                raise WrongCommandError(f"the distribution has no extra {extra!r}")
