"""`python -m stocktracker`: what its operator does beside the running server.

check [--ask]   what is wrong with settings, key, store, clock, network; exit code 0, 1 or 2
backup FILE     copy the store while the server runs
restore FILE    put a copy in the store's place, while no server runs
migrate FROM TO move the store from a folder to Redis, or back, while no server runs
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from stocktracker.clock import SystemClock
from stocktracker.config import Settings, load_settings, parse_store
from stocktracker.errors import SettingsError, StoreError
from stocktracker.operating.checkup import examine
from stocktracker.operating.copies import backup, restore
from stocktracker.operating.findings import Grade
from stocktracker.operating.migration import Place, migrate
from stocktracker.runtime import source_folder

SECRETS = Path(__file__).parent.parent / ".streamlit" / "secrets.toml"
ON_REDIS = (
    "The store is on Redis. `migrate` to a folder is its backup, and `migrate` to an empty Redis "
    "brings it back."
)
SETTINGS = "settings"
SIGNS = {Grade.WELL: "well", Grade.DOUBTFUL: "doubtful", Grade.WRONG: "WRONG"}


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Do what was asked; the exit code. 2 is for what is wrong, 1 for what is doubtful."""
    asked = _parser().parse_args(arguments)
    try:
        settings = load_settings(environment, SECRETS)
    except SettingsError as fault:
        _say(Grade.WRONG, "settings", fault.words)
        return Grade.WRONG
    folder = settings.store / source_folder(settings)
    if asked.command == "check":
        worst = Grade.WELL
        for finding in examine(settings, folder, SECRETS, SystemClock(), ask=asked.ask):
            _say(finding.grade, finding.topic, finding.words)
            worst = max(worst, finding.grade)
        return worst
    try:
        _say(Grade.WELL, asked.command, _act(asked, settings, folder))
    except (SettingsError, StoreError) as fault:
        _say(Grade.WRONG, asked.command, fault.words)
        return Grade.WRONG
    return Grade.WELL


def _act(asked: argparse.Namespace, settings: Settings, folder: Path) -> str:
    """Do it; what was done, in words. Raises SettingsError and StoreError."""
    if asked.command == "migrate":
        source, target = (_end(asked, name, settings) for name in ("from", "to"))
        return migrate(source, target, folder.name, settings.limits, SystemClock())
    if settings.shared is not None:
        raise StoreError(ON_REDIS)
    act = {"backup": backup, "restore": restore}[asked.command]
    return act(folder, asked.file)


def _end(asked: argparse.Namespace, name: str, settings: Settings) -> Place:
    """One of two stores. An address on the command line can be seen by all who list processes; so a
    password is read from where the settings are."""
    text = getattr(asked, name)
    if text == SETTINGS:
        return settings.store, settings.shared
    return parse_store(text, name.upper())


def _say(grade: Grade, topic: str, words: str) -> None:
    sys.stdout.write(f"{SIGNS[grade]:<9} {topic:<9} {words}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("stocktracker", description=str(__doc__).partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="say what is wrong")
    check.add_argument("--ask", action="store_true", help="spend one call on trying the key")
    for name, text in (
        ("backup", "copy the store to a new file, while the server runs"),
        ("restore", "put a copy in the store's place, while no server runs"),
    ):
        commands.add_parser(name, help=text).add_argument("file", type=Path, metavar="FILE")
    moving = commands.add_parser("migrate", help="move the store, while no server runs on it")
    for name, text in (("from", "where it is"), ("to", "where it is to be, and nothing is yet")):
        moving.add_argument(
            name,
            metavar=name.upper(),
            help=f"{text}: a folder, a redis:// address, or `{SETTINGS}` for STOCKTRACKER_STORE",
        )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
