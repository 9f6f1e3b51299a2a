//! What objects have beside their definitions: comments, and the settings of ALTER TABLE that are not the shape of it.

use super::alter_table::Part;
use super::context::{Context, string};
use super::object::{Meant, Thing, parts};
use super::table_shape::Shape;
use super::{Access, Class, LockMode, Place, Presence};
use crate::catalog::{
    Catalog, Column, ColumnNumber, Detail, DetailValue, Effect, Found, Id, Name, ObjectRef, PartKind,
    Relation, RelationKind, Slot, Subject, TypeKind, TypeRef,
};
use crate::syntax::{NodeEnum, protobuf};
use protobuf::{AlterTableCmd, AlterTableType as Action, ObjectType};

impl<'a> Context<'a> {
    /// Analyses COMMENT: the object must be there.
    pub(super) fn comment(&mut self, node: &protobuf::CommentStmt) {
        let object = node.object.as_deref();
        let Some((meant, thing)) = self.described(node.objtype(), object) else { return };
        let Some(of) = subject(&meant, &thing, object) else { return };
        let value = Some(node.comment.clone()).filter(|text| !text.is_empty());
        let value = DetailValue::from(value);
        if *self.catalog.detail(&of, Detail::Comment) == value {
            let reason = format!("{} has this comment already", meant.phrase());
            self.analysis.presence = Presence::Same { reason };
            return;
        }
        self.analysis.effects.push(Effect::SetDetail { of, detail: Detail::Comment, value });
    }

    /// Analyses SECURITY LABEL: the object must be there.
    pub(super) fn security_label(&mut self, node: &protobuf::SecLabelStmt) {
        self.described(node.objtype(), node.object.as_deref());
    }

    /// Requires the object of COMMENT and SECURITY LABEL.
    fn described(&mut self, kind: ObjectType, object: Option<&protobuf::Node>) -> Option<(Meant, Thing)> {
        self.raise(Class::Adds);
        let object = object?;
        let meant = self.meant(kind, object)?;
        // Which databases there are is not asked of a dump.
        if kind == ObjectType::ObjectDatabase && !matches!(meant.found, Found::Yes(_)) {
            return None;
        }
        let table = match kind {
            ObjectType::ObjectColumn => object.node.as_ref().and_then(parts),
            _ => None,
        };
        if let Some((_, table)) = table.as_ref().and_then(|names| names.split_last()) {
            let table = self.meant_relation(&Name::from_parts(table), ObjectType::ObjectTable);
            self.need_meant(&table, self.statement.span)?;
        }
        let thing = self.need_meant(&meant, self.statement.span)?;
        match &thing {
            Thing::Relation(id) | Thing::Column(id, _) => self.lock(*id, LockMode::ShareUpdateExclusive),
            Thing::Attached(id) => self.lock(*id, LockMode::AccessShare),
            _ => {}
        }
        Some((meant, thing))
    }

    /// Sets details; satisfied when all of them are so already.
    fn details(&mut self, name: &str, all: Vec<(Subject, Detail, DetailValue)>) -> Part {
        let is_so = |(of, detail, value): &(Subject, Detail, DetailValue)| {
            *value != DetailValue::Unknown && self.catalog.detail(of, *detail) == value
        };
        if !all.is_empty() && all.iter().all(is_so) {
            return Part::done(format!("`{name}` has this setting already"));
        }
        let effect = |(of, detail, value)| Effect::SetDetail { of, detail, value };
        Part::run(all.into_iter().map(effect).collect())
    }

    /// ALTER COLUMN … SET STATISTICS, SET (…), SET STORAGE, SET COMPRESSION.
    pub(super) fn column_detail(&mut self, shape: &Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        let number = match ColumnNumber::try_from(command.num) {
            Ok(number) if number > 0 => Some(number),
            _ => shape.relation.column(&command.name).map(|column| column.number),
        };
        let Some(number) = number else { return Part::run(Vec::new()) };
        let word = command.def.as_ref().and_then(|def| string(def)).unwrap_or_default().to_lowercase();
        let column = shape.relation.column_numbered(number);
        let (detail, value, below) = match command.subtype() {
            Action::AtSetStatistics => (Detail::StatisticsTarget, statistics_target(command), true),
            Action::AtSetStorage => {
                let value =
                    column.map_or(DetailValue::Unknown, |column| storage(self.catalog, &word, &column.ty));
                (Detail::Storage, value, true)
            }
            Action::AtSetCompression => (Detail::Compression, compression(&word), false),
            Action::AtSetOptions | Action::AtResetOptions => {
                let old = self.catalog.detail_text(&Subject::Column(id, number), Detail::Options);
                (Detail::Options, options_after(old.unwrap_or_default(), command), false)
            }
            _ => return Part::run(Vec::new()),
        };
        let mut all = vec![(Subject::Column(id, number), detail, value.clone())];
        if let Some(column) = column.filter(|_| below && !shape.only) {
            for (child, number) in self.columns_below(id, &column.name) {
                all.push((Subject::Column(child, number), detail, value.clone()));
            }
        }
        self.details(&shape.name.to_string(), all)
    }

    /// The column of that name in each descendant.
    fn columns_below(&self, id: Id, name: &str) -> Vec<(Id, ColumnNumber)> {
        let mut found = Vec::new();
        for child in self.catalog.children_of(id) {
            let column = self.catalog.relation(child).and_then(|child| child.column(name));
            found.extend(column.map(|column| (child, column.number)));
            found.extend(self.columns_below(child, name));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// REPLICA IDENTITY, CLUSTER ON and SET WITHOUT CLUSTER.
    pub(super) fn index_mark(&mut self, shape: &Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        let (detail, index, letter) = match command.subtype() {
            Action::AtReplicaIdentity => {
                let Some(NodeEnum::ReplicaIdentityStmt(identity)) =
                    command.def.as_ref().and_then(|def| def.node.as_ref())
                else {
                    return Part::run(Vec::new());
                };
                let letter = Some(identity.identity_type.clone()).filter(|letter| letter != "d");
                (Detail::ReplicaIdentity, identity.name.clone(), letter)
            }
            _ => (Detail::Clustered, command.name.clone(), None),
        };
        if !index.is_empty() && self.need_index_of(shape, &index).is_none() {
            return Part::run(Vec::new());
        }
        let mut all = self.marks(id, detail, &index);
        if detail == Detail::ReplicaIdentity {
            all.push((Subject::Object(id), detail, DetailValue::from(letter)));
        }
        self.details(&shape.name.to_string(), all)
    }

    /// One index of a table gets a mark, and the others lose it.
    pub(super) fn marks(
        &self,
        table: Id,
        detail: Detail,
        index: &str,
    ) -> Vec<(Subject, Detail, DetailValue)> {
        let all = self.catalog.indexes_of(table).into_iter();
        all.map(|(id, relation, _)| {
            let value = if relation.name == index { DetailValue::text("") } else { DetailValue::Absent };
            (Subject::Object(id), detail, value)
        })
        .collect()
    }

    /// SET TABLESPACE and SET ACCESS METHOD.
    pub(super) fn place_of_rows(&mut self, shape: &Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        let (detail, value) = match command.subtype() {
            Action::AtSetTableSpace => {
                self.need_tablespace(&command.name);
                (Detail::Tablespace, tablespace(&command.name))
            }
            // DEFAULT: new partitions follow the setting again.
            _ if command.name.is_empty() && shape.relation.kind == RelationKind::PartitionedTable => {
                (Detail::AccessMethod, DetailValue::Absent)
            }
            _ => {
                let method = match command.name.as_str() {
                    "" => self.session.setting("default_table_access_method").unwrap_or("heap"),
                    name => name,
                };
                self.need_access_method(method);
                (Detail::AccessMethod, access_method(method))
            }
        };
        self.details(&shape.name.to_string(), vec![(Subject::Object(id), detail, value)])
    }

    /// The tablespace of a new relation for which none is written, as the session's settings say.
    fn usual_tablespace(&self, persistence: char) -> DetailValue {
        let set = |name: &str| self.session.setting(name).filter(|value| !value.is_empty());
        match persistence {
            't' => set("temp_tablespaces").map_or(DetailValue::Absent, |_| DetailValue::Unknown),
            _ => set("default_tablespace").map_or(DetailValue::Absent, tablespace),
        }
    }

    /// Where a new index is.
    pub(super) fn new_index_tablespace(&self, written: &str, persistence: char) -> DetailValue {
        if written.is_empty() { self.usual_tablespace(persistence) } else { tablespace(written) }
    }

    /// Where an index is that is made after another one: with it, unless that is in the database's tablespace.
    pub(super) fn copied_index_tablespace(&self, other: &DetailValue, persistence: char) -> DetailValue {
        match other {
            DetailValue::Absent => self.usual_tablespace(persistence),
            other => other.clone(),
        }
    }

    /// Where an index is.
    pub(super) fn tablespace_of(&self, index: Id) -> DetailValue {
        self.catalog.detail(&Subject::Object(index), Detail::Tablespace).clone()
    }

    /// Says where a new index is.
    pub(super) fn place_index(effects: &mut Vec<Effect>, slot: Slot, value: &DetailValue) {
        if *value != DetailValue::Absent {
            let (of, value) = (Subject::Object(slot.as_id()), value.clone());
            effects.push(Effect::SetDetail { of, detail: Detail::Tablespace, value });
        }
    }

    /// Where a new relation's rows are, as it is written or as the session's settings and its parent say.
    pub(super) fn details_of_new(&mut self, slot: Id, (written, method): (&str, &str), relation: &Relation) {
        let parent = relation.parents.first().filter(|_| relation.partition_bound.is_some());
        let inherited =
            |detail| parent.map(|parent| self.catalog.detail(&Subject::Object(*parent), detail).clone());
        let set = |name: &str| self.session.setting(name).filter(|value| !value.is_empty());
        let has_rows = matches!(
            relation.kind,
            RelationKind::Table | RelationKind::PartitionedTable | RelationKind::MaterializedView
        );
        let place = match (written, inherited(Detail::Tablespace)) {
            ("", Some(place)) if place != DetailValue::Absent => place,
            ("", _) => self.usual_tablespace(relation.persistence),
            (written, _) => tablespace(written),
        };
        let keeps = matches!(relation.kind, RelationKind::Table | RelationKind::MaterializedView);
        let method = match (method, inherited(Detail::AccessMethod)) {
            ("", Some(method)) if method != DetailValue::Absent => method,
            ("", _) if !keeps => DetailValue::Absent,
            ("", _) => set("default_table_access_method").map_or(DetailValue::Absent, access_method),
            (method, _) => access_method(method),
        };
        for (detail, value) in [(Detail::Tablespace, place), (Detail::AccessMethod, method)] {
            if has_rows && value != DetailValue::Absent {
                let of = Subject::Object(slot);
                self.analysis.effects.push(Effect::SetDetail { of, detail, value });
            }
        }
    }

    /// ENABLE and DISABLE of triggers and rules.
    pub(super) fn switched(&mut self, shape: &Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        let relation = shape.name.clone();
        let name = command.name.clone();
        self.touch(Place::Rules(relation.clone()), Access::Write);
        let Some((kind, value)) = switch(command.subtype()) else { return Part::run(Vec::new()) };
        let all = match (kind, name.is_empty()) {
            (PartKind::Rule, _) => {
                let there = name == "_RETURN" || shape.relation.rules.iter().any(|rule| rule.name == name);
                self.need_attached(ObjectRef::Rule { relation, name: name.clone() }, there, "rule");
                vec![(id, name)]
            }
            (_, false) => {
                let there = shape.relation.has_trigger(&name);
                self.need_attached(ObjectRef::Trigger { relation, name: name.clone() }, there, "trigger");
                self.switched_triggers(id, Some(&name), shape.only)
            }
            (_, true) => self.switched_triggers(id, None, shape.only),
        };
        let of = |(table, name): (Id, String)| {
            (Subject::Part(table, kind, name.into()), Detail::Enabled, value.clone())
        };
        let all: Vec<_> = all.into_iter().map(of).collect();
        // The triggers of foreign keys are not in the catalog.
        match command.subtype() {
            Action::AtEnableTrigAll | Action::AtDisableTrigAll => {
                let effect = |(of, detail, value)| Effect::SetDetail { of, detail, value };
                Part::run(all.into_iter().map(effect).collect())
            }
            _ => self.details(&shape.name.to_string(), all),
        }
    }

    /// The triggers that are switched with a table's: those that its partitions have from it.
    fn switched_triggers(&self, id: Id, name: Option<&str>, only: bool) -> Vec<(Id, String)> {
        let Some(table) = self.catalog.relation(id) else { return Vec::new() };
        let meant = |trigger: &&crate::catalog::Trigger| name.is_none_or(|name| trigger.name == name);
        let mut all: Vec<(Id, String)> =
            table.triggers.iter().filter(meant).map(|trigger| (id, trigger.name.clone())).collect();
        if only || table.kind != RelationKind::PartitionedTable {
            return all;
        }
        for child in self.catalog.children_of(id) {
            let below = self.switched_triggers(child, name, false).into_iter();
            all.extend(below.filter(|(child, name)| {
                let triggers = self.catalog.relation(*child).map(|child| child.triggers.as_slice());
                triggers
                    .unwrap_or_default()
                    .iter()
                    .any(|trigger| trigger.name == *name && trigger.above.is_some())
            }));
        }
        all
    }
}

/// STORAGE and COMPRESSION of a new column.
pub(super) fn column_storage(
    catalog: &Catalog,
    shape: &mut Shape<'_>,
    column: &Column,
    (word, method): (&str, &str),
) {
    let storage = if word.is_empty() {
        DetailValue::Absent
    } else {
        storage(catalog, &word.to_lowercase(), &column.ty)
    };
    for (detail, value) in [(Detail::Storage, storage), (Detail::Compression, compression(method))] {
        if value != DetailValue::Absent {
            let of = Subject::Column(shape.any_id(), column.number);
            shape.effects.push(Effect::SetDetail { of, detail, value: value.clone() });
            for of in columns_to_come(catalog, shape, column) {
                shape.effects.push(Effect::SetDetail { of, detail, value: value.clone() });
            }
        }
    }
}

/// The columns that descendants get with a column that is added to a table.
fn columns_to_come(catalog: &Catalog, shape: &Shape<'_>, column: &Column) -> Vec<Subject> {
    let Some((id, table)) = shape.id.and_then(|id| Some((id, catalog.relation(id)?))) else {
        return Vec::new();
    };
    let later = column.number - table.next_number();
    let mut found = Vec::new();
    let mut below = catalog.children_of(id);
    while let Some(child) = below.pop() {
        let Some(relation) = catalog.relation(child) else { continue };
        let of = Subject::Column(child, relation.next_number() + later);
        if relation.column(&column.name).is_none() && !found.contains(&of) {
            found.push(of);
            below.extend(catalog.children_of(child));
        }
    }
    found
}

impl Context<'_> {
    /// Gives a new column what a column of another table has.
    pub(super) fn copy_details(
        &self,
        shape: &mut Shape<'_>,
        from: (Id, ColumnNumber),
        to: ColumnNumber,
        wanted: &[Detail],
    ) {
        let from = Subject::Column(from.0, from.1);
        for (detail, value) in self.catalog.details_of(&from).filter(|(detail, _)| wanted.contains(detail)) {
            let (of, value) = (Subject::Column(shape.any_id(), to), value.clone());
            shape.effects.push(Effect::SetDetail { of, detail, value });
        }
    }
}

/// What the details of an object are kept under; none for what is not kept.
pub(super) fn subject(meant: &Meant, thing: &Thing, node: Option<&protobuf::Node>) -> Option<Subject> {
    let part = |id: Id, kind, name: &str| Some(Subject::Part(id, kind, name.into()));
    match (thing, &meant.object) {
        (Thing::Relation(id), ObjectRef::Relation { .. }) => Some(Subject::Object(*id)),
        (Thing::Type(id) | Thing::Function(id) | Thing::Schema(id) | Thing::Other(id), _) => {
            Some(Subject::Object(*id))
        }
        (Thing::Column(id, number), _) => Some(Subject::Column(*id, *number)),
        (Thing::Attached(id), ObjectRef::Trigger { name, .. }) => part(*id, PartKind::Trigger, name),
        (Thing::Attached(id), ObjectRef::Policy { name, .. }) => part(*id, PartKind::Policy, name),
        (Thing::Attached(id), ObjectRef::Rule { name, .. }) => part(*id, PartKind::Rule, name),
        (Thing::Constraint(id), ObjectRef::Constraint { name, .. }) => part(*id, PartKind::Constraint, name),
        (Thing::DomainConstraint(id), _) => match node?.node.as_ref()? {
            NodeEnum::List(list) => part(*id, PartKind::Constraint, &string(list.items.get(1)?)?),
            _ => None,
        },
        (Thing::Named, ObjectRef::Role { name }) => Some(Subject::Role(name.as_str().into())),
        (Thing::Named, ObjectRef::Extension { name }) => Some(Subject::Extension(name.as_str().into())),
        _ => None,
    }
}

/// A tablespace; the database's own is none.
pub(super) fn tablespace(name: &str) -> DetailValue {
    if name == "pg_default" { DetailValue::Absent } else { DetailValue::text(name) }
}

fn access_method(name: &str) -> DetailValue {
    if name == "heap" { DetailValue::Absent } else { DetailValue::text(name) }
}

/// The target of SET STATISTICS; -1 and DEFAULT are the server's own.
pub(super) fn target(value: Option<&protobuf::Node>) -> DetailValue {
    match value.and_then(|value| value.node.as_ref()) {
        // More than the server takes is as much as it takes.
        Some(NodeEnum::Integer(value)) if value.ival >= 0 => {
            DetailValue::text(value.ival.min(10_000).to_string())
        }
        _ => DetailValue::Absent,
    }
}

fn statistics_target(command: &AlterTableCmd) -> DetailValue {
    target(command.def.as_deref())
}

fn compression(method: &str) -> DetailValue {
    match method {
        "pglz" => DetailValue::text("p"),
        "lz4" => DetailValue::text("l"),
        _ => DetailValue::Absent,
    }
}

/// The storage of a column, where it is not its type's.
fn storage(catalog: &Catalog, word: &str, ty: &TypeRef) -> DetailValue {
    let wanted = match word {
        "plain" => "p",
        "main" => "m",
        "external" => "e",
        "extended" => "x",
        _ => return DetailValue::Absent,
    };
    let Some(own) = own_storage(catalog, ty) else { return DetailValue::Unknown };
    if wanted == own { DetailValue::Absent } else { DetailValue::text(wanted) }
}

/// The storage that a type has of its own (`typstorage`); a domain has that of the type it is over.
fn own_storage(catalog: &Catalog, ty: &TypeRef) -> Option<&'static str> {
    let ty = super::retype::base_of(catalog, ty);
    if ty.array {
        return Some("x");
    }
    if ty.schema != "pg_catalog" {
        let relation = ty.id.and_then(|id| catalog.relation(id));
        return match ty.id.and_then(|id| catalog.type_by_id(id)).map(|ty| &ty.kind) {
            Some(TypeKind::Enum(_)) => Some("p"),
            Some(TypeKind::Composite | TypeKind::Range) => Some("x"),
            None if relation.is_some() => Some("x"),
            _ => None,
        };
    }
    Some(match ty.name.as_str() {
        "numeric" | "inet" | "cidr" => "m",
        "text" | "varchar" | "bpchar" | "bytea" | "json" | "jsonb" | "xml" | "bit" | "varbit"
        | "tsvector" | "path" | "polygon" | "jsonpath" | "refcursor" | "pg_snapshot" | "txid_snapshot" => "x",
        name if name.ends_with("range") => "x",
        // Others have a fixed length, and know PLAIN only.
        _ => "p",
    })
}

/// The options of a column after SET or RESET, one a line as the server keeps them.
fn options_after(old: &str, command: &AlterTableCmd) -> DetailValue {
    let Some(NodeEnum::List(list)) = command.def.as_ref().and_then(|def| def.node.as_ref()) else {
        return DetailValue::Unknown;
    };
    let named = list.items.iter().filter_map(|item| match &item.node {
        Some(NodeEnum::DefElem(option)) => Some(option.defname.as_str()),
        _ => None,
    });
    let named: Vec<&str> = named.collect();
    let mut options: Vec<String> = old
        .lines()
        .filter(|line| line.split('=').next().is_none_or(|name| !named.contains(&name)))
        .map(str::to_owned)
        .collect();
    if command.subtype() == Action::AtSetOptions {
        options.extend(super::alter_table::options_of(&list.items));
    }
    DetailValue::from(Some(options.join("\n")).filter(|text| !text.is_empty()))
}

/// What an action switches, and to what.
fn switch(action: Action) -> Option<(PartKind, DetailValue)> {
    let letter = |letter: &str| DetailValue::text(letter);
    Some(match action {
        Action::AtEnableTrig | Action::AtEnableTrigAll | Action::AtEnableTrigUser => {
            (PartKind::Trigger, DetailValue::Absent)
        }
        Action::AtEnableAlwaysTrig => (PartKind::Trigger, letter("A")),
        Action::AtEnableReplicaTrig => (PartKind::Trigger, letter("R")),
        Action::AtDisableTrig | Action::AtDisableTrigAll | Action::AtDisableTrigUser => {
            (PartKind::Trigger, letter("D"))
        }
        Action::AtEnableRule => (PartKind::Rule, DetailValue::Absent),
        Action::AtEnableAlwaysRule => (PartKind::Rule, letter("A")),
        Action::AtEnableReplicaRule => (PartKind::Rule, letter("R")),
        Action::AtDisableRule => (PartKind::Rule, letter("D")),
        _ => return None,
    })
}
