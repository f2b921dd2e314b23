"""From the paperwork to the bundle: everything the data plane may know, compiled, signed, left in the depot."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from django.db import transaction

from guantong.bundle import types as bundle
from guantong.bundle.depot import ACCEPTED, OFFERED
from guantong.bundle.depot import publish as leave_in_depot
from guantong.bundle.errors import BundleRefused
from guantong.bundle.overlaps import entry
from guantong.bundle.sealing import open_bundle, seal
from guantong.catalog import queries as catalog
from guantong.catalog.actions import read_content
from guantong.catalog.errors import ContentWrong
from guantong.catalog.models import Link
from guantong.catalog.types import ResourceContent
from guantong.dispatch import queries as dispatch
from guantong.evidence.successions import own_keys
from guantong.federation import queries
from guantong.federation.keys import node_key
from guantong.federation.models import Node, PublishedBundle, Relation
from guantong.identity.models import Application, Organisation
from guantong.journal.actions import raise_alert, record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock, envelope
from guantong.kit.settings import Settings
from guantong.sharing.models import Grant
from guantong.sharing.types import BATCHES, GrantTerms

# What ended is refused as what was revoked; whatever else a later release may write, too.
_STATES: Mapping[str, bundle.GrantState] = {"active": "active", "suspended": "suspended"}


def publish_bundle(settings: Settings, *, because: str, by: Actor, at: datetime) -> PublishedBundle:
    """Compile, sign and publish the next bundle. Called by the worker alone, so that sequences are in order.

    The row is committed before the file appears: a crash in between costs a number, never two bundles with one.
    After an older database was restored the numbers go on above what lies in the depot, or the gateway would
    refuse every new bundle as older than the one it has.
    """
    with transaction.atomic():
        last = PublishedBundle.objects.order_by("-sequence").first()
        floor = max(last.sequence if last else 0, *_left_in_depot(settings))
        compiled = compile_bundle(settings, sequence=floor + 1, by=by, at=at)
        raw = seal(compiled, node_key(settings))
        published = PublishedBundle.objects.create(
            sequence=compiled.sequence,
            digest=envelope.digest(raw),
            published_at=at,
            because=because[:200],
            grants=len(compiled.grants),
        )
        record("bundle.published", by=by, at=at, subject=Subject("bundle", str(compiled.sequence)))
    leave_in_depot(settings.bundle_folder, raw)
    return published


def _left_in_depot(settings: Settings) -> list[int]:
    """The sequences of the bundles that lie in the depot and are ours; 0 for what is missing or is not."""
    keys = own_keys(settings.key_folder)
    known = {each.key.ref: each.key for each in keys.former} | dict(keys.now())
    found = [0]
    for name in (OFFERED, ACCEPTED):
        try:
            raw = (settings.bundle_folder / name).read_bytes()
            found.append(open_bundle(raw, known, node=settings.node, floor=0).sequence)
        except (FileNotFoundError, BundleRefused):
            continue
    return found


def compile_bundle(settings: Settings, *, sequence: int, by: Actor, at: datetime) -> bundle.Bundle:
    """What the data plane of this node needs to know at ``at``, and nothing else.

    A grant that does not compile is left out and a person is told; it must not keep the others, or a
    revocation, from coming into force.
    """
    terms: list[tuple[Grant, GrantTerms]] = []
    for grant in Grant.objects.filter(not_after__gt=at).order_by("pk"):
        try:
            typed = msgspec.convert(grant.terms, GrantTerms)
            read_content(typed.resource_content)
        except (msgspec.ValidationError, ContentWrong) as error:
            raise_alert("grant_unreadable", {"grant": grant.code, "error": str(error)}, by=by, at=at)
        else:
            terms.append((grant, typed))
    nodes = list(Node.objects.filter(is_confirmed=True))
    return bundle.Bundle(
        node=settings.node,
        sequence=sequence,
        published_at=clock.rfc3339(at),
        suite=settings.suite,
        nodes={node.code: _node(node) for node in nodes},
        routes={node.code: node.via for node in nodes if node.relation != Relation.SELF},
        organisations=_organisations([each for _, each in terms]),
        applications=_applications(settings.node, [each for _, each in terms]),
        resources=_resources([each for _, each in terms]),
        bindings=_bindings(),
        services=catalog.compiled_services(),
        grants={each.code: _grant(grant, each) for grant, each in terms},
        jobs=dispatch.compiled_jobs(at=at),
        targets=dispatch.compiled_targets(),
        edges=dispatch.compiled_edges(),
    )


def _node(node: Node) -> bundle.Node:
    keys = queries.keys_of(node)
    is_near = node.relation in {Relation.SELF, Relation.PARENT, Relation.CHILD}
    return bundle.Node(
        code=node.code,
        name=node.title,
        key=node.node_key,
        coming=keys.coming.to_text() if keys.coming else "",
        former=[bundle.FormerKey(key=each.key.to_text(), until=each.until) for each in keys.former],
        log_key=node.log_key,
        witness_key=node.witness_key,
        gateway_url=node.gateway_url if is_near else "",
        log_url=node.log_url if is_near else "",
        # Postings are carried by the child: it dials its parent, and no parent dials a child.
        exchange_url=node.exchange_url if node.relation == Relation.PARENT else "",
    )


def _organisations(terms: list[GrantTerms]) -> dict[str, bundle.Organisation]:
    parties = {t.provider: t.provider_name for t in terms} | {t.consumer: t.consumer_name for t in terms}
    own = queries.own().code
    parties |= dict(Organisation.objects.filter(node=own).values_list("code", "name"))
    return {
        code: bundle.Organisation(id=code, name=name, uscc=code if len(code) == 18 else "")
        for code, name in parties.items()
    }


def _applications(own: str, terms: list[GrantTerms]) -> dict[str, bundle.Application]:
    """Ours as registered here; others' as their node vouched for them when they asked."""
    known: dict[str, bundle.Application] = {}
    for term in terms:
        for app in term.applications if term.consumer_node != own else []:
            before = known.get(app.code)
            if before and (before.organisation, before.node) != (term.consumer, term.consumer_node):
                continue  # whoever had the identifier first keeps it
            known[app.code] = bundle.Application(
                id=app.code,
                name=app.name,
                organisation=term.consumer,
                node=term.consumer_node,
                keys=[app.public_key],
                clearance=app.clearance,
                active=True,
            )
    for registered in Application.objects.select_related("organisation").prefetch_related("former_secrets"):
        ours = known[registered.code] = bundle.Application(
            id=registered.code,
            name=registered.name,
            organisation=registered.organisation.code,
            node=own,
            keys=registered.public_keys,
            clearance=registered.clearance,
            active=registered.is_active,
            secret=registered.secret,
            rid=registered.rid,
        )
        if ours.active:
            formers = registered.former_secrets.all()
            known |= dict(entry(ours, digest=f.digest, until=clock.rfc3339(f.until)) for f in formers)
    return known


def _resources(terms: list[GrantTerms]) -> dict[str, bundle.Resource]:
    """Every resource of this node that can be called, and every granted one: before its entry reached us as the
    grant describes it, then as it stands. Nobody can call what is neither, however many entries neighbours publish.
    """
    found = {
        term.resource: _resource(
            msgspec.convert(term.resource_content, ResourceContent), term.provider_node, term.resource_version
        )
        for term in terms
    }
    for version in catalog.callable_versions(queries.own().code, granted=list(found)):
        content = version.typed
        if content.lookups or content.operations:
            found[version.resource.code] = _resource(content, version.resource.node, version.version)
    return found


def _resource(content: ResourceContent, node: str, version: int) -> bundle.Resource:
    items = {
        item.name: bundle.Item(
            name=item.name,
            label=item.label,
            type=item.type,
            level=item.level,
            mask=item.mask,
            comparison=item.comparison,
        )
        for item in content.items
    }
    return bundle.Resource(
        code=content.code,
        name=content.name,
        provider=content.provider,
        node=node,
        version=version,
        items=items,
        lookups=content.lookups,
        operations={name: each.compiled() for name, each in content.operations.items()},
    )


def _bindings() -> dict[str, bundle.Binding]:
    return {
        link.resource.code: bundle.Binding(
            resource=link.resource.code,
            source=link.source,
            dialect=msgspec.convert(link.dialect, bundle.Dialect),
            table=link.table,
            columns=link.columns,
            max_rows=link.max_rows,
        )
        for link in Link.served().select_related("resource")
    }


def _grant(grant: Grant, terms: GrantTerms) -> bundle.Grant:
    return bundle.Grant(
        id=terms.code,
        number=terms.code,
        resource=terms.resource,
        provider_node=terms.provider_node,
        consumer_node=terms.consumer_node,
        consumer=terms.consumer,
        applications=[app.code for app in terms.applications],
        modes=_modes(terms),
        fields=terms.fields,
        masks=terms.masks,
        condition=terms.condition,
        purpose=terms.purpose,
        per_second=terms.per_second,
        per_day=terms.per_day,
        max_rows=terms.max_rows,
        not_before=terms.not_before,
        not_after=terms.not_after,
        state=_STATES.get(grant.state, "revoked"),
        agreement=terms.agreement,
        concurrent=terms.concurrent,
        rows_per_day=terms.rows_per_day,
        per_key_per_day=terms.per_key_per_day,
        sids=grant.sids if terms.consumer_node == queries.own().code else [],
    )


def _modes(terms: GrantTerms) -> list[bundle.Mode]:
    """As the data plane knows them: files and subscriptions are batches, whose targets their jobs were held to."""
    found: list[bundle.Mode] = [mode for mode in ("query", "verify") if mode in terms.modes]
    return found if BATCHES.isdisjoint(terms.modes) else [*found, "batch"]
