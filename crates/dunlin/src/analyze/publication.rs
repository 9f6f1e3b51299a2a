//! Publications with their members, and subscriptions.

use super::context::{Context, range_name, strings};
use super::named::{Named, Needs};
use super::object::place_of;
use super::{Access, Class, Presence, Transactional};
use crate::catalog::{Dependency, Effect, Id, ObjectRef, Other};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, protobuf};
use protobuf::{AlterPublicationAction as Action, PublicationObjSpecType as Kind};

/// A table or schema that a publication lists.
struct Member {
    on: Id,
    /// Columns that its list and condition need.
    depends: Vec<Dependency>,
    class: &'static str,
    /// Whether it has a condition or a list of columns.
    narrowed: bool,
}

impl Member {
    fn whole(on: Id, class: &'static str) -> Member {
        Member { on, depends: Vec::new(), class, narrowed: false }
    }
}

impl Context<'_> {
    /// Analyses a statement about publications and subscriptions; false when it is not such.
    pub(super) fn replicated_object(&mut self, node: &NodeEnum) -> bool {
        match node {
            NodeEnum::CreatePublicationStmt(node) => {
                let members = self.members(&node.pubobjects);
                let named = Named::plain("publication", &node.pubname);
                let slot = self.make_named(&named, false, Needs::default());
                if self.analysis.presence == Presence::Absent {
                    self.add_members(slot.as_id(), &members);
                }
            }
            NodeEnum::AlterPublicationStmt(node) => self.alter_publication(node),
            NodeEnum::CreateSubscriptionStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.need_names_once(&node.publication);
                self.make_named(&Named::plain("subscription", &node.subname), false, Needs::default());
                if let Some(Effect::CreateOther { other, .. }) = self.analysis.effects.last_mut() {
                    other.of = Some(strings(&node.publication).join("\n"));
                }
            }
            NodeEnum::AlterSubscriptionStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.need_names_once(&node.publication);
                let found = self.changes_named(&Named::plain("subscription", &node.subname));
                if let Some(found) = found {
                    self.change_subscribed(found.on, node);
                }
            }
            NodeEnum::DropSubscriptionStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.drop_named_object(&Named::plain("subscription", &node.subname), node.missing_ok);
            }
            _ => return false,
        }
        true
    }

    /// A subscription lists each publication once.
    fn need_names_once(&mut self, publications: &[protobuf::Node]) {
        let names = strings(publications);
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                let message = format!("publication `{name}` is listed twice");
                self.refuse(Code::DN216, self.statement.span, message);
            }
        }
    }

    /// ADD, DROP and SET PUBLICATION of a subscription.
    fn change_subscribed(&mut self, id: Id, node: &protobuf::AlterSubscriptionStmt) {
        use protobuf::AlterSubscriptionType as Change;
        let Some(subscription) = self.catalog.other(id) else { return };
        let mut names: Vec<String> =
            subscription.of.as_deref().unwrap_or_default().lines().map(str::to_owned).collect();
        let named = strings(&node.publication);
        let adds = match node.kind() {
            Change::AlterSubscriptionAddPublication => true,
            Change::AlterSubscriptionDropPublication => false,
            Change::AlterSubscriptionSetPublication => {
                names.clear();
                true
            }
            _ => return,
        };
        for name in named {
            if names.contains(&name) == adds {
                let there = if adds { "already" } else { "not" };
                let message = format!("publication `{name}` is {there} in the subscription");
                self.refuse(Code::DN216, self.statement.span, message);
            }
            match adds {
                true => names.push(name),
                false => names.retain(|known| *known != name),
            }
        }
        let with = Other { of: Some(names.join("\n")), ..subscription.clone() };
        self.analysis.effects.push(Effect::ReplaceOther { other: id, with: Box::new(with) });
    }

    fn members(&mut self, objects: &[protobuf::Node]) -> Vec<Member> {
        let mut members: Vec<Member> = Vec::new();
        let mut schemas = false;
        for object in objects {
            let Some(NodeEnum::PublicationObjSpec(object)) = &object.node else { continue };
            let kind = object.pubobjtype();
            schemas = match kind {
                Kind::PublicationobjContinuation => schemas,
                kind => {
                    matches!(kind, Kind::PublicationobjTablesInSchema | Kind::PublicationobjTablesInCurSchema)
                }
            };
            let span = self.span(object.location);
            let schema = match (kind, object.name.as_str()) {
                (Kind::PublicationobjTablesInCurSchema, _) => {
                    self.catalog.creation_schema(self.path()).map(str::to_owned)
                }
                (_, name) => Some(name.to_owned()),
            };
            match (&object.pubtable, schema) {
                (Some(table), _) => {
                    let all = self.member_tables(table);
                    let twice = |new: &Member| {
                        members.iter().any(|old| old.on == new.on && (old.narrowed || new.narrowed))
                    };
                    if all.iter().any(twice) {
                        let message = "a table is listed twice, with a condition or columns".to_owned();
                        self.refuse(Code::DN216, span, message);
                    }
                    members.extend(all);
                }
                (None, Some(schema)) if schemas => {
                    let on = self.need_schema(&schema, span);
                    members.extend(on.map(|on| Member::whole(on, "publication schema")));
                }
                // A plain name that goes on with a list of tables.
                (None, _) => {
                    let name = crate::catalog::Name { schema: None, name: object.name.clone() };
                    let on = self.need_relation(&name, span, "table");
                    members.extend(on.map(|on| Member::whole(on, "publication table")));
                }
            }
        }
        // A schema may be listed twice.
        let mut seen = std::collections::BTreeSet::new();
        members.retain(|member| seen.insert(member.on));
        members
    }

    /// The table that is listed, and those that inherit from it; partitions are published with their table.
    fn member_tables(&mut self, table: &protobuf::PublicationTable) -> Vec<Member> {
        let Some(first) = self.member_table(table) else { return Vec::new() };
        let only = table.relation.as_ref().is_some_and(|range| !range.inh);
        let mut members = vec![first];
        let mut at = 0;
        while let (Some(member), false) = (members.get(at), only) {
            let table = member.on;
            let (depends, narrowed) = (member.depends.clone(), member.narrowed);
            let partitioned = self
                .catalog
                .relation(table)
                .is_some_and(|relation| relation.kind == crate::catalog::RelationKind::PartitionedTable);
            if !partitioned {
                for child in self.catalog.children_of(table) {
                    if members.iter().all(|member| member.on != child) {
                        let (depends, class) = (depends.clone(), "publication table");
                        members.push(Member { on: child, depends, class, narrowed });
                    }
                }
            }
            at += 1;
        }
        members
    }

    fn member_table(&mut self, table: &protobuf::PublicationTable) -> Option<Member> {
        let range = table.relation.as_ref()?;
        let span = self.span(range.location);
        let on = self.need_relation(&range_name(range), span, "table")?;
        let relation = self.catalog.relation(on)?;
        let outer = std::mem::take(&mut self.depends);
        for column in strings(&table.columns) {
            self.need_column(on, &column, span);
            let generated = relation.column(&column).is_some_and(|column| column.generated.is_some());
            // From PostgreSQL 18 on a stored one can be published.
            let generated = generated && self.catalog.server_version < 180_000;
            if generated || super::context::is_system_column(&column) {
                let message = format!("column `{column}` cannot be in a publication's list");
                self.refuse(Code::DN216, span, message);
            }
        }
        if let Some(condition) = table.where_clause.as_deref() {
            let source = super::query::Source::of(self.catalog.relation_name(on), Some(on), relation);
            self.expression(condition, &[source]);
        }
        let depends = std::mem::replace(&mut self.depends, outer);
        let narrowed = table.where_clause.is_some() || !table.columns.is_empty();
        Some(Member { on, depends, class: "publication table", narrowed })
    }

    fn add_members(&mut self, publication: Id, members: &[Member]) {
        for member in members {
            let whole = |on| Dependency { on, column: None };
            let other = Other {
                depends: member.depends.clone(),
                part_of: vec![whole(publication), whole(member.on)],
                ..Other::new(member.class, "")
            };
            let effect = Effect::CreateOther { schema: None, slot: None, other: Box::new(other) };
            self.analysis.effects.push(effect);
        }
    }

    fn alter_publication(&mut self, node: &protobuf::AlterPublicationStmt) {
        let named = Named::plain("publication", &node.pubname);
        let publication = self.changes_named(&named);
        if node.pubobjects.is_empty() {
            return;
        }
        let members = self.members(&node.pubobjects);
        let Some(publication) = publication.map(|need| need.on) else { return };
        let old: Vec<(Id, Id)> = self
            .catalog
            .others()
            .filter(|(_, other)| other.part_of.first().is_some_and(|need| need.on == publication))
            .filter_map(|(id, other)| Some((id, other.part_of.last()?.on)))
            .collect();
        let listed = |on: Id| old.iter().find(|(_, member)| *member == on).map(|(id, _)| *id);
        let drop = |other: Id| Effect::DropOther { other };
        let object = self.meant_named(&named).object;
        match node.action() {
            Action::ApAddObjects => {
                self.analysis.class = Class::Adds;
                if members.iter().any(|member| listed(member.on).is_some()) {
                    self.analysis.presence = Presence::Unknown { object, tolerated: false };
                    return;
                }
                self.add_members(publication, &members);
            }
            Action::ApDropObjects => {
                for member in &members {
                    match listed(member.on) {
                        Some(id) => self.analysis.effects.push(drop(id)),
                        None => self.miss_member(&object),
                    }
                }
            }
            _ => {
                self.analysis.effects.extend(old.iter().map(|(id, _)| drop(*id)));
                self.add_members(publication, &members);
            }
        }
    }

    /// UPDATE and DELETE of a table need its replica identity where a publication narrows it by a condition or a list
    /// of columns; whether that identity suffices is not known here.
    pub(super) fn need_replica_identity(&mut self, table: Id) {
        let mut all = vec![table];
        let mut at = 0;
        while let Some(id) = all.get(at).copied() {
            let relation = self.catalog.relation(id);
            let related = relation.into_iter().flat_map(|relation| relation.parents.clone());
            let related: Vec<Id> = related.chain(self.catalog.children_of(id)).collect();
            for id in related {
                if !all.contains(&id) {
                    all.push(id);
                }
            }
            at += 1;
        }
        let narrows = |other: &Other| {
            !other.depends.is_empty() && other.part_of.last().is_some_and(|member| all.contains(&member.on))
        };
        if self.catalog.others_of("publication table").any(|(_, other)| narrows(other)) {
            let name = self.catalog.relation_name(table);
            let message = format!("`{name}` is published in part, for which its replica identity may not do");
            let span = self.statement.span;
            self.require(Vec::new(), span, super::Verdict::Unknown, Code::DN208, message, Vec::new());
        }
    }

    /// Says that a publication has no such member.
    fn miss_member(&mut self, publication: &ObjectRef) {
        self.touch(place_of(publication), Access::Write);
        let message = format!("{publication} does not have it as a member");
        let member = super::named_statement::reference("publication table", &format!("in {publication}"));
        let span = self.statement.span;
        let code = Code::DN208;
        self.require(
            vec![super::Facet::Exists(member)],
            span,
            super::Verdict::Invalid,
            code,
            message,
            Vec::new(),
        );
    }

    /// Drops an object that is kept by class and name, with what cannot be without it.
    pub(super) fn drop_other(&mut self, id: Id) {
        self.touch_dependents_of(id, &mut std::collections::BTreeSet::new());
        self.analysis.effects.push(Effect::DropOther { other: id });
    }
}
