//! Publications with their members, and subscriptions.

use super::context::{Context, range_name, strings};
use super::named::{Named, Needs};
use super::object::place_of;
use super::{Access, Class, Presence, Transactional};
use crate::catalog::{Dependency, Effect, Id, ObjectRef, Other};
use crate::syntax::{NodeEnum, protobuf};
use protobuf::{AlterPublicationAction as Action, PublicationObjSpecType as Kind};

/// A table or schema that a publication lists.
struct Member {
    on: Id,
    /// Columns that its list and condition need.
    depends: Vec<Dependency>,
    class: &'static str,
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
                self.make_named(&Named::plain("subscription", &node.subname), false, Needs::default());
            }
            NodeEnum::AlterSubscriptionStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.changes_named(&Named::plain("subscription", &node.subname));
            }
            NodeEnum::DropSubscriptionStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.drop_named_object(&Named::plain("subscription", &node.subname), node.missing_ok);
            }
            _ => return false,
        }
        true
    }

    fn members(&mut self, objects: &[protobuf::Node]) -> Vec<Member> {
        let mut members = Vec::new();
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
                (Some(table), _) => members.extend(self.member_table(table)),
                (None, Some(schema)) if schemas => {
                    let on = self.need_schema(&schema, span);
                    members.extend(on.map(|on| Member {
                        on,
                        depends: Vec::new(),
                        class: "publication schema",
                    }));
                }
                // A plain name that goes on with a list of tables.
                (None, _) => {
                    let name = crate::catalog::Name { schema: None, name: object.name.clone() };
                    let on = self.need_relation(&name, span, "table");
                    members.extend(on.map(|on| Member {
                        on,
                        depends: Vec::new(),
                        class: "publication table",
                    }));
                }
            }
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
        }
        if let Some(condition) = table.where_clause.as_deref() {
            let source = super::query::Source::of(self.catalog.relation_name(on), Some(on), relation);
            self.expression(condition, &[source]);
        }
        let depends = std::mem::replace(&mut self.depends, outer);
        Some(Member { on, depends, class: "publication table" })
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

    /// Says that a publication has no such member.
    fn miss_member(&mut self, publication: &ObjectRef) {
        self.touch(place_of(publication), Access::Write);
        let message = format!("{publication} does not have it as a member");
        let member = super::named_statement::reference("publication table", &format!("in {publication}"));
        let span = self.statement.span;
        let code = crate::diagnostic::Code::DN208;
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
