"""`preau demo`: the broker with a whole town around it, on this machine, from nothing.

The town is other people's software (`broker.demo`): it writes files as an administrator and an académie would, and
its sites speak HTTP. Everything below is what any installation does: upgrade, import, restrict, serve.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import socket
import time
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread

from broker.accounts.hashing import Hashing
from broker.accounts.letters import Addressee, Batch, issue_letters
from broker.cli.options import Commands, tenant_of
from broker.cli.output import DONE, Progress
from broker.cli.person import restrict
from broker.cli.serve import check_free, name_settings, run_server
from broker.cli.whom import person_meant
from broker.demo.sites import start_sites
from broker.demo.town import Town, describe, prepare
from broker.directory import Intent
from broker.domain.errors import SettingsError
from broker.domain.handles import Id, new_id
from broker.imports import Handover, import_delivery
from broker.own_accounts import cost_of
from broker.settings import LogLevel, Settings, load_settings
from broker.storage.sealing import load_master_secret
from broker.stores import Stores, bring_up_to_date, opened_stores, utc_now
from policies import PolicyBook

DEFAULT_FOLDER = Path("var/demo")
DEFAULT_PORT = 8000
HOST = "127.0.0.1"
_LOOK_EVERY = 0.2
_FAMILY, _LETTER_FOR = "2", "99-2d:500121"
LETTER = "lettre.txt"
"""The code of the letter, and the birth date that goes with it."""
_READY = "ready"
"""File that says which year's town stands complete in the folder: a later start has nothing left to do."""


def add_to(commands: Commands) -> None:
    """Add the command to the command line."""
    text = "start the broker with the demo town; prints the addresses and the people"
    parser = commands.add_parser("demo", help=text, description=text, allow_abbrev=False)
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER, metavar="DIR", help="folder to keep it in")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, metavar="N", help="port of the broker and the sites")
    parser.add_argument("--registration", action="store_true", help="let clients register themselves (RFC 7591)")
    parser.add_argument("--desk", action="store_true", help="let agents of the académie sign in (docs/desk.md)")
    parser.add_argument("--saml", action="store_true", help="let EduConnect answer in SAML too, as one more source")
    parser.add_argument("--prepare-only", action="store_true", help="write and import everything, then stop")
    parser.set_defaults(run=demo)


def demo(args: argparse.Namespace) -> int:
    """Prepare what is missing, then serve the broker and the town's sites until asked to stop."""
    check_free(HOST, args.port)
    folder: Path = args.data.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    town = prepare(
        folder, issuer=f"http://{HOST}:{args.port}", registration=args.registration, saml=args.saml, desk=args.desk
    )
    load_master_secret(folder / "secrets" / "master")
    settings = load_settings(town.settings, {})
    settle(town, settings)
    if args.prepare_only:
        return DONE
    return serve_town(town, settings)


def settle(town: Town, settings: Settings) -> None:
    """Bring the database to where the town's files say it should be; nothing to do when it is there."""
    ready = town.folder / _READY
    year = str(town.population.year)
    if bring_up_to_date(settings) or not ready.is_file() or ready.read_text(encoding="utf-8") != year:
        with opened_stores(settings) as (stores, book):
            _import(town, settings, stores, book)
            _restrict(town, settings, stores)
        ready.write_text(year, encoding="utf-8")


def give_letter(town: Town, settings: Settings) -> str:
    """A letter for the mother without e-mail (family 2), drawn at each start: the one before is ended by it.

    Written into the town's folder too: what is in clear anywhere else than on paper exists in no installation but this.
    """
    mother, pupil = _LETTER_FOR, next(each for each in town.population.families if each.number == _FAMILY).pupils[1]
    with opened_stores(settings) as (stores, book), closing(Hashing(cost_of(settings))) as hashing:
        batch = Batch(new_id(Id.BATCH), "cli:demo", "", utc_now())
        to = Addressee(person_meant(mother, settings, stores), "", tenant_of(settings, mother))
        table = book.installation.codes
        (issued,) = issue_letters([to], codes=stores.codes, hashing=hashing, table=table, batch=batch)
    born = f"{pupil.born:%d/%m/%Y}"
    file = town.folder / LETTER
    file.touch(mode=0o600)
    file.write_text(f"{issued.code.written}\n{born}\n", encoding="ascii")
    page = f"{settings.issuer}/code#{issued.code.written.replace(' ', '')}"
    return f"Lettre pour Mme Zahra BEN SALAH : {issued.code.written}\n  {page}\n  Sa fille Sirine est née le {born}."


def serve_town(town: Town, settings: Settings) -> int:
    """Serve broker and sites until SIGINT or SIGTERM; no process and no thread is left behind."""
    for name in [name for name in os.environ if name.startswith("PREAU_")]:
        del os.environ[name]  # the demo is the same wherever it is started
    name_settings(town.settings)
    os.environ["PREAU_LOG_LEVEL"] = LogLevel.WARNING  # the terminal belongs to the addresses and the people
    multiprocessing.set_start_method("spawn", force=True)  # the sites' threads must not be forked half-way
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with start_sites(town):
            Thread(target=_announce, args=(town, settings), daemon=True).start()
            run_server(settings)
    except KeyboardInterrupt:
        return DONE
    except OSError as fault:
        raise SettingsError((f"the town's sites cannot listen ({fault.strerror})",)) from fault
    return DONE


def _announce(town: Town, settings: Settings) -> None:
    """Print the addresses and the people once the broker takes requests: an address that refuses looks broken."""
    while True:
        with suppress(OSError), socket.create_connection((settings.host, settings.port), timeout=1):
            print(f"{describe(town)}\n\n{give_letter(town, settings)}", flush=True)
            return
        time.sleep(_LOOK_EVERY)


def _import(town: Town, settings: Settings, stores: Stores, book: PolicyBook) -> None:
    bar = Progress()
    for feed in town.feeds:
        import_delivery(
            settings, stores, book, feed_id=feed.feed_id, handover=Handover(feed.files), intent=Intent.CONFIRM,
            progress=lambda step: bar.show(step.step, step.done, step.total),
        )  # fmt: skip
    bar.close()


def _restrict(town: Town, settings: Settings, stores: Stores) -> None:
    """Enter the court's decision of family 5, as `preau person restrict` does."""
    now = utc_now()
    pairs = {
        (person_meant(pair.adult, settings, stores), person_meant(pair.child, settings, stores))
        for pair in town.restrictions
    }
    tenant = tenant_of(settings, town.restrictions[0].child)
    for adult, child in sorted(pairs):
        if any(card.child_id == child for card in stores.people.children_of(adult, now=now)):
            restrict(stores, adult=adult, child=child, tenant=tenant, now=now)
