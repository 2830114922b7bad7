"""`preau explain access|release`: which rules speak for given facts, with the policies that are in force."""

from __future__ import annotations

import argparse
from dataclasses import asdict

import policies
from broker.cli.options import Commands, command, family, settings_of, with_json
from broker.cli.output import DONE, FAILED, print_json, print_pairs
from broker.domain.services import ClaimName
from policies import AccessFacts, Assurance, Decision, Facts, ReleaseFacts, Role
from policies.explain import Explanation, explain

_YES_NO = ("yes", "no")


def add_to(commands: Commands) -> None:
    """Add the family to the command line."""
    verbs = family(commands, "explain", "why the policies allow or refuse")
    access = with_json(command(verbs, "access", explain_access, "may this role open a service?"))
    _choice(access, "--role", Role)
    _choice(access, "--profil-served", _YES_NO)
    _choice(access, "--school-served", _YES_NO)
    _choice(access, "--assurance", Assurance)
    release = with_json(command(verbs, "release", explain_release, "may a service be told this claim?"))
    _choice(release, "--claim", ClaimName)
    _choice(release, "--declared", _YES_NO)
    _choice(release, "--role", Role)
    _choice(release, "--about-child", _YES_NO)


def explain_access(args: argparse.Namespace) -> int:
    """Decide an access; print the decision, the rules that spoke and the facts; 1 when refused."""
    facts = AccessFacts(
        role=Role(args.role),
        profil_served=args.profil_served == "yes",
        school_served=args.school_served == "yes",
        assurance=Assurance(args.assurance),
    )
    return _print(args, _policies(args).access(facts), facts)


def explain_release(args: argparse.Namespace) -> int:
    """Decide a release; print the decision, the rules that spoke and the facts; 1 when refused."""
    facts = ReleaseFacts(
        claim=ClaimName(args.claim),
        declared=args.declared == "yes",
        role=Role(args.role),
        about_child=args.about_child == "yes",
    )
    return _print(args, _policies(args).release(facts), facts)


def _policies(args: argparse.Namespace) -> policies.Policies:
    return policies.load(None, settings_of(args).policies_dir)


def _choice(
    parser: argparse.ArgumentParser, name: str, values: type[Role | Assurance | ClaimName] | tuple[str, ...]
) -> None:
    parser.add_argument(name, required=True, choices=[str(value) for value in values])


def _print(args: argparse.Namespace, decision: Decision, facts: Facts) -> int:
    told: Explanation = explain(decision)
    if args.json:
        print_json(
            {"allowed": told.allowed, "rules": decision.rules, "facts": asdict(facts), "policies": decision.version}
        )
    else:
        print_pairs(
            {
                "decision": "allowed" if told.allowed else "refused",
                "rules": ", ".join(told.rule_ids) or "none (refusal is the default)",
                "reasons": " ".join(told.sentences),
                "legal bases": " ; ".join(told.legal_bases),
                "facts": ", ".join(f"{name}={_told(value)}" for name, value in asdict(facts).items()),
                "policies": told.version,
            }
        )
    return DONE if told.allowed else FAILED


def _told(value: object) -> str:
    """A fact in the words of the command line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
