//! RENAME, SET SCHEMA and OWNER TO of every kind of object.

use super::context::{Context, range_name};
use super::object::{Meant, Thing, place_of};
use super::{Access, Class, LockMode, Place, Presence, Verdict};
use crate::catalog::{
    Detail, DetailValue, Effect, Found, Id, Name, ObjectRef, Other, QName, RelationChange, Subject, TypeKind,
};
use crate::diagnostic::Code;
use crate::syntax::{LenientForm, protobuf};
use protobuf::ObjectType;

impl Context<'_> {
    /// Analyses RENAME. Old name absent and new name there: it is done already (design, rule 4).
    pub(super) fn rename(&mut self, node: &protobuf::RenameStmt) {
        self.raise(Class::Changes);
        match node.rename_type() {
            ObjectType::ObjectColumn | ObjectType::ObjectAttribute => self.rename_column(node),
            ObjectType::ObjectTabconstraint
            | ObjectType::ObjectTrigger
            | ObjectType::ObjectPolicy
            | ObjectType::ObjectRule => self.rename_part(node),
            ObjectType::ObjectDatabase => {
                let name = string_node(&node.subname);
                // Databases of other owners may not be listed.
                let known = self.meant(ObjectType::ObjectDatabase, &name);
                if known.is_some_and(|meant| matches!(meant.found, Found::Yes(_))) {
                    self.rename_object(node, &name);
                }
            }
            ObjectType::ObjectSchema | ObjectType::ObjectRole | ObjectType::ObjectTablespace => {
                let name = string_node(&node.subname);
                self.rename_object(node, &name);
            }
            ObjectType::ObjectDomconstraint => self.rename_domain_constraint(node),
            _ => match (&node.relation, &node.object) {
                (Some(range), _) => {
                    let meant = self.meant_relation(&range_name(range), node.rename_type());
                    self.rename_meant(node, &meant, self.span(range.location));
                }
                (None, Some(object)) => self.rename_object(node, object),
                (None, None) => {}
            },
        }
    }

    fn rename_domain_constraint(&mut self, node: &protobuf::RenameStmt) {
        let Some(object) = node.object.as_deref() else { return };
        let list = protobuf::List { items: vec![object.clone(), string_node(&node.subname)] };
        let list = protobuf::Node { node: Some(crate::syntax::NodeEnum::List(list)) };
        let Some(meant) = self.meant(ObjectType::ObjectDomconstraint, &list) else { return };
        self.touch(place_of(&meant.object), Access::Write);
        let Some(Thing::DomainConstraint(id)) = self.need_meant(&meant, self.statement.span) else { return };
        let Some(ty) = self.catalog.type_by_id(id) else { return };
        let mut with = ty.clone();
        if let TypeKind::Domain(domain) = &mut with.kind {
            for constraint in domain.constraints.iter_mut().filter(|found| found.name == node.subname) {
                constraint.name.clone_from(&node.newname);
            }
        }
        self.analysis.effects.push(Effect::ReplaceType { ty: id, with: Box::new(with) });
    }

    fn rename_object(&mut self, node: &protobuf::RenameStmt, object: &protobuf::Node) {
        match self.meant(node.rename_type(), object) {
            Some(meant) => self.rename_meant(node, &meant, self.statement.span),
            None => self.opaque(format!("RENAME of {}", node.rename_type().as_str_name())),
        }
    }

    fn rename_meant(&mut self, node: &protobuf::RenameStmt, meant: &Meant, span: crate::source::Span) {
        let new = self.renamed(meant, &meant.object, &node.newname);
        let news: Vec<ObjectRef> =
            meant.candidates.iter().map(|candidate| self.renamed(meant, candidate, &node.newname)).collect();
        for place in meant.candidates.iter().chain(&news) {
            self.touch(place_of(place), Access::Write);
        }
        if meant.found.is_no() && news.iter().any(|new| self.is_there(new)) {
            self.provide(new);
            self.analysis.presence =
                Presence::Same { reason: format!("{} is `{}` already", meant.phrase(), node.newname) };
            return;
        }
        if meant.found.is_no() && node.missing_ok {
            self.analysis.presence = Presence::Same { reason: format!("there is no {}", meant.phrase()) };
            return;
        }
        self.provide(new.clone());
        let Some(thing) = self.need_meant(meant, span) else { return };
        self.need_free_name(&new, span);
        self.rename_thing(&thing, &meant.object, &node.newname);
    }

    /// Requires that nothing has the new name yet.
    fn need_free_name(&mut self, new: &ObjectRef, span: crate::source::Span) {
        if self.is_there(new) {
            self.is_taken(new, span);
        }
    }

    fn is_taken(&mut self, new: &ObjectRef, span: crate::source::Span) {
        let verdict = if self.catalog.clouded.is_some() { Verdict::Unknown } else { Verdict::Invalid };
        let message = format!("`{new}` is there already");
        self.require(Vec::new(), span, verdict, Code::DN216, message, Vec::new());
    }

    fn rename_thing(&mut self, thing: &Thing, object: &ObjectRef, to: &str) {
        let to = to.to_owned();
        let effect = match thing {
            Thing::Relation(id) => {
                let index = self.catalog.relation(*id).is_some_and(|relation| relation.index().is_some());
                let mode = if index { LockMode::ShareUpdateExclusive } else { LockMode::AccessExclusive };
                self.lock(*id, mode);
                self.provide_columns(*id, &to);
                Effect::RenameRelation { relation: *id, to }
            }
            Thing::Type(id) => Effect::RenameType { ty: *id, to },
            Thing::Function(id) => Effect::RenameFunction { function: *id, to },
            Thing::Schema(id) => Effect::RenameSchema { schema: *id, to },
            Thing::DomainConstraint(_) => return,
            Thing::Other(id) => match self.catalog.other(*id) {
                Some(old) => {
                    Effect::ReplaceOther { other: *id, with: Box::new(Other { name: to, ..old.clone() }) }
                }
                None => return,
            },
            Thing::Named => match object.clone() {
                ObjectRef::Role { name } => Effect::RenameRole { name, to },
                _ => return,
            },
            Thing::Attached(_) | Thing::Constraint(_) | Thing::Column(..) | Thing::Builtin => return,
        };
        self.analysis.effects.push(effect);
    }

    /// The object that is meant, under another name.
    fn renamed(&self, meant: &Meant, candidate: &ObjectRef, to: &str) -> ObjectRef {
        match self.found_other(meant) {
            Some(other) => {
                let schema = other.schema.map(|schema| self.catalog.schema_name(schema));
                let name = Other { name: to.to_owned(), ..other.clone() }.label(schema);
                super::named_statement::reference(&other.class, &name)
            }
            None => renamed(candidate, to),
        }
    }

    /// The object that is meant, in another schema.
    fn moved(&self, meant: &Meant, schema: &str) -> ObjectRef {
        match self.found_other(meant) {
            Some(other) => super::named_statement::reference(&other.class, &other.label(Some(schema))),
            None => moved(&meant.object, schema),
        }
    }

    fn found_other(&self, meant: &Meant) -> Option<&Other> {
        match meant.found {
            Found::Yes(Thing::Other(id)) => self.catalog.other(id),
            _ => None,
        }
    }

    /// A renamed or moved table brings its columns along.
    fn provide_columns(&mut self, id: Id, to: &str) {
        let Some(relation) = self.catalog.relation(id) else { return };
        let name = QName::new(self.catalog.schema_name(relation.schema), to);
        for column in &relation.columns {
            self.provide(ObjectRef::column(&name, &column.name));
        }
    }

    fn is_there(&self, object: &ObjectRef) -> bool {
        match object {
            ObjectRef::Relation { name } => self.catalog.relation_at(name).is_some(),
            ObjectRef::Type { name } => self.catalog.type_at(name).is_some(),
            ObjectRef::Schema { name } => self.catalog.find_schema(name).yes().is_some(),
            ObjectRef::Role { name } => self.catalog.roles.as_ref().is_some_and(|roles| roles.contains(name)),
            ObjectRef::Other { class, name } => self.catalog.other_at(class, name).is_some(),
            ObjectRef::Function { name, arguments } => {
                let written = Name { schema: Some(name.schema.clone()), name: name.name.clone() };
                let all = self.catalog.find_functions(&written, self.path());
                all.iter().any(|(_, function)| {
                    arguments.as_ref().is_none_or(|arguments| function.signature() == *arguments)
                })
            }
            _ => false,
        }
    }

    fn rename_column(&mut self, node: &protobuf::RenameStmt) {
        let Some(range) = &node.relation else { return };
        let name = range_name(range);
        if node.missing_ok && self.catalog.find_relation(&name, self.path()).is_no() {
            self.analysis.presence = Presence::Same { reason: format!("there is no `{name}`") };
            return;
        }
        let (old, new) = (node.subname.as_str(), node.newname.as_str());
        let span = self.span(range.location);
        let Some(id) = self.need_relation(&name, span, "table") else {
            if let Some(table) = self.catalog.candidates(&name, self.path()).into_iter().next() {
                self.touch(Place::Column(table.clone(), old.to_owned()), Access::Write);
                self.touch(Place::Column(table.clone(), new.to_owned()), Access::Write);
                self.provide(ObjectRef::column(&table, new));
            }
            return;
        };
        let table = self.catalog.relation_name(id);
        self.touch(Place::Column(table.clone(), old.to_owned()), Access::Write);
        self.touch(Place::Column(table.clone(), new.to_owned()), Access::Write);
        self.provide(ObjectRef::column(&table, new));
        self.lock(id, LockMode::AccessExclusive);
        let Some(relation) = self.catalog.relation(id) else { return };
        self.need_column_name(new, range.location);
        let lenient = self.statement.lenient == Some(LenientForm::RenameColumnIfExists);
        match (relation.column(old), relation.column(new)) {
            (None, Some(_)) => {
                let reason = format!("column `{table}.{old}` is `{new}` already");
                self.analysis.presence = Presence::Same { reason };
            }
            (None, None) if lenient && relation.columns_known && self.catalog.clouded.is_none() => {
                let reason = format!("there is no column `{table}.{old}`");
                self.analysis.presence = Presence::Same { reason };
            }
            (None, _) => {
                let outer = std::mem::take(&mut self.depends);
                self.need_column(id, old, span);
                self.depends = outer;
            }
            (Some(_), Some(_)) => {
                let message = format!("`{table}` has a column `{new}` already");
                self.refuse(Code::DN216, span, message);
            }
            (Some(column), None) => {
                let column = column.number;
                self.touch(Place::Values(table.clone(), old.to_owned()), Access::Write);
                let outer = std::mem::take(&mut self.depends);
                self.need_column(id, old, span);
                self.depends = outer;
                let effect = Effect::RenameColumn { relation: id, column, to: new.to_owned() };
                self.analysis.effects.push(effect);
            }
        }
    }

    /// RENAME of a constraint, trigger, policy or rule of a relation.
    fn rename_part(&mut self, node: &protobuf::RenameStmt) {
        let Some(range) = &node.relation else { return };
        let table = self.meant_relation(&range_name(range), ObjectType::ObjectTable);
        let span = self.span(range.location);
        if node.missing_ok && table.found.is_no() {
            self.analysis.presence = Presence::Same { reason: format!("there is no {}", table.phrase()) };
            return;
        }
        let Some(Thing::Relation(id)) = self.need_meant(&table, span) else { return };
        let relation = self.catalog.relation_name(id);
        self.lock(id, LockMode::AccessExclusive);
        let old = self.meant_part(node.rename_type(), &table, relation.clone(), &node.subname);
        let new = self.meant_part(node.rename_type(), &table, relation.clone(), &node.newname);
        self.touch(place_of(&old.object), Access::Write);
        self.touch(place_of(&new.object), Access::Write);
        self.touch(Place::Rules(relation), Access::Write);
        self.provide(new.object.clone());
        if old.found.is_no() && matches!(new.found, Found::Yes(_)) {
            let reason = format!("{} is `{}` already", old.phrase(), node.newname);
            self.analysis.presence = Presence::Same { reason };
            return;
        }
        if matches!((&old.found, &new.found), (Found::Yes(_), Found::Yes(_))) {
            self.is_taken(&new.object, span);
        }
        if node.rename_type() == ObjectType::ObjectTrigger
            && self.renames_onto_trigger(id, &node.subname, &node.newname)
        {
            self.is_taken(&new.object, span);
        }
        let to = node.newname.clone();
        let effect = match self.need_meant(&old, span) {
            Some(Thing::Constraint(id)) => {
                Effect::RenameConstraint { relation: id, name: node.subname.clone(), to }
            }
            Some(Thing::Attached(id)) => Effect::RenameAttached { relation: id, object: old.object, to },
            _ => return,
        };
        self.analysis.effects.push(effect);
    }

    /// Whether a partition has a trigger of the new name beside the one that is renamed with its table's.
    fn renames_onto_trigger(&self, table: Id, name: &str, to: &str) -> bool {
        let renamed = |child: &Id| {
            let child = self.catalog.relation(*child);
            child.is_some_and(|child| child.triggers.iter().any(|found| found.above.as_deref() == Some(name)))
        };
        let taken = |child: &Id| self.catalog.relation(*child).is_some_and(|child| child.has_trigger(to));
        self.catalog.server_version >= 150_000
            && self
                .catalog
                .children_of(table)
                .iter()
                .any(|child| renamed(child) && (taken(child) || self.renames_onto_trigger(*child, name, to)))
    }

    /// Analyses ALTER … SET SCHEMA.
    pub(super) fn set_schema(&mut self, node: &protobuf::AlterObjectSchemaStmt) {
        self.raise(Class::Changes);
        let meant = match (&node.relation, &node.object) {
            (Some(range), _) => Some(self.meant_relation(&range_name(range), node.object_type())),
            (None, Some(object)) => self.meant(node.object_type(), object),
            (None, None) => None,
        };
        let Some(meant) = meant else {
            self.opaque("SET SCHEMA of an object that is not modelled");
            return;
        };
        let new = self.moved(&meant, &node.newschema);
        for candidate in &meant.candidates {
            self.touch(place_of(candidate), Access::Write);
        }
        self.touch(place_of(&new), Access::Write);
        let there_already = new == meant.object && matches!(meant.found, Found::Yes(_));
        let moved_away = meant.found.is_no() && self.is_there(&new);
        self.provide(new.clone());
        if there_already || moved_away {
            let reason = format!("{} is in schema `{}` already", meant.phrase(), node.newschema);
            self.analysis.presence = Presence::Same { reason };
            return;
        }
        if meant.found.is_no() && node.missing_ok {
            self.analysis.presence = Presence::Same { reason: format!("there is no {}", meant.phrase()) };
            return;
        }
        self.need_schema(&node.newschema, self.statement.span);
        if matches!(meant.found, Found::Yes(_)) {
            self.need_free_name(&new, self.statement.span);
        }
        let schema = node.newschema.clone();
        let effect = match self.need_meant(&meant, self.statement.span) {
            Some(Thing::Relation(id)) => {
                self.lock(id, LockMode::AccessExclusive);
                Effect::MoveRelation { relation: id, schema }
            }
            Some(Thing::Type(id) | Thing::Function(id) | Thing::Other(id)) => {
                Effect::MoveTo { object: id, schema }
            }
            Some(Thing::Named) if matches!(meant.object, ObjectRef::Extension { .. }) => {
                self.opaque("ALTER EXTENSION … SET SCHEMA");
                return;
            }
            _ => return,
        };
        self.analysis.effects.push(effect);
    }

    /// Analyses ALTER … OWNER TO of what is no relation.
    pub(super) fn owner(&mut self, node: &protobuf::AlterOwnerStmt) {
        self.raise(Class::Changes);
        let owner = node.newowner.as_ref().and_then(|role| self.need_role(role));
        let meant = match (&node.relation, &node.object) {
            (Some(range), _) => Some(self.meant_relation(&range_name(range), node.object_type())),
            (None, Some(object)) => self.meant(node.object_type(), object),
            (None, None) => None,
        };
        let Some(meant) = meant else { return };
        let thing = self.need_meant(&meant, self.statement.span);
        let (Some(thing), Some(owner)) = (thing, owner) else { return };
        let composite = |id: Id| match self.catalog.type_by_id(id).map(|ty| &ty.kind) {
            Some(TypeKind::Composite) => {
                self.catalog.relation_at(&self.catalog.type_name(id)).map(|(id, _)| id)
            }
            _ => None,
        };
        let same = match &thing {
            Thing::Type(id) | Thing::Function(id) | Thing::Other(id) | Thing::Schema(id) => {
                self.catalog.owner_of(*id) == owner
            }
            _ => false,
        };
        if same {
            let reason = format!("{} belongs to `{owner}` already", meant.phrase());
            self.analysis.presence = Presence::Same { reason };
            return;
        }
        let effect = match thing {
            Thing::Relation(relation) => Some(relation),
            Thing::Type(id) if composite(id).is_some() => composite(id),
            Thing::Type(id) | Thing::Function(id) | Thing::Other(id) => {
                let (of, value) = (Subject::Object(id), DetailValue::text(owner));
                self.analysis.effects.push(Effect::SetDetail { of, detail: Detail::Owner, value });
                return;
            }
            Thing::Schema(schema) => {
                self.analysis.effects.push(Effect::OwnSchema { schema, owner });
                return;
            }
            _ => None,
        };
        let effect = effect
            .map(|relation| Effect::AlterRelation { relation, change: RelationChange::Owner(owner.clone()) });
        self.analysis.effects.extend(effect);
    }

    /// Analyses ALTER … DEPENDS ON EXTENSION.
    pub(super) fn depends_on_extension(&mut self, node: &protobuf::AlterObjectDependsStmt) {
        self.raise(Class::Adds);
        if let Some(object) = node.object.as_ref().filter(|_| node.relation.is_none())
            && let Some(meant) = self.meant(node.object_type(), object)
        {
            self.need_meant(&meant, self.statement.span);
        }
        let named = node.extname.as_ref().map(|name| string_node(&name.sval));
        if let Some(meant) = named.and_then(|name| self.meant(ObjectType::ObjectExtension, &name)) {
            self.need_meant(&meant, self.statement.span);
        }
    }
}

/// Makes a `String` node.
fn string_node(text: &str) -> protobuf::Node {
    super::table::string_node(text.to_owned())
}

/// The object under another name.
fn renamed(object: &ObjectRef, to: &str) -> ObjectRef {
    let at = |name: &QName| QName::new(name.schema.clone(), to);
    match object {
        ObjectRef::Relation { name } => ObjectRef::Relation { name: at(name) },
        ObjectRef::Type { name } => ObjectRef::Type { name: at(name) },
        ObjectRef::Function { name, arguments } => {
            ObjectRef::Function { name: at(name), arguments: arguments.clone() }
        }
        ObjectRef::Schema { .. } => ObjectRef::Schema { name: to.to_owned() },
        ObjectRef::Role { .. } => ObjectRef::Role { name: to.to_owned() },
        other => other.clone(),
    }
}

/// The object in another schema.
fn moved(object: &ObjectRef, schema: &str) -> ObjectRef {
    let at = |name: &QName| QName::new(schema, name.name.clone());
    match object {
        ObjectRef::Relation { name } => ObjectRef::Relation { name: at(name) },
        ObjectRef::Type { name } => ObjectRef::Type { name: at(name) },
        ObjectRef::Function { name, arguments } => {
            ObjectRef::Function { name: at(name), arguments: arguments.clone() }
        }
        other => other.clone(),
    }
}
