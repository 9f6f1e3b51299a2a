//! A catalog as sorted text: the base of fingerprints, snapshots and differences.
//!
//! One line tells all of an object: names instead of ids, no sizes, no numbers of columns. Who owns what is left
//! out, since it differs between installations of one schema; so are temporary objects, what belongs to an
//! extension (its line has the version), and what belongs to the whole cluster.

use super::{
    Attached, Catalog, Column, Constraint, ConstraintKind, Function, FunctionKind, Ident, Identity, Index,
    IndexKey, ObjectRef, Other, QName, Reference, Relation, RelationKind, Trigger, Type, TypeKind,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// An object that is not the same in two descriptions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Which object.
    pub object: ObjectRef,
    /// Its line before; none if it was not there.
    pub before: Option<String>,
    /// Its line after; none if it is not there any more.
    pub after: Option<String>,
}

/// Compares two descriptions, in the order of the objects.
pub fn difference(
    before: &BTreeMap<ObjectRef, String>,
    after: &BTreeMap<ObjectRef, String>,
) -> Vec<Difference> {
    let changed =
        before.iter().filter(|(object, line)| after.get(*object) != Some(*line)).map(|(object, line)| {
            Difference {
                object: object.clone(),
                before: Some(line.clone()),
                after: after.get(object).cloned(),
            }
        });
    let added = after
        .iter()
        .filter(|(object, _)| !before.contains_key(*object))
        .map(|(object, line)| Difference { object: object.clone(), before: None, after: Some(line.clone()) });
    let mut all: Vec<Difference> = changed.chain(added).collect();
    all.sort_by(|a, b| a.object.cmp(&b.object));
    all
}

impl Catalog {
    /// Describes every object in one line each.
    pub fn describe(&self) -> BTreeMap<ObjectRef, String> {
        let mut description = BTreeMap::new();
        self.each_line(|object, line| {
            description.insert(object, line);
        });
        description
    }

    /// Gives the SHA-256 of the description: the same for two schemas that do not differ.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut lines: Vec<[u8; 32]> = Vec::new();
        self.each_line(|_, line| lines.push(Sha256::digest(line).into()));
        lines.sort_unstable();
        let mut hash = Sha256::new();
        lines.iter().for_each(|line| hash.update(line));
        hash.finalize().into()
    }

    fn each_line(&self, mut add: impl FnMut(ObjectRef, String)) {
        for (id, schema) in self.schemas().filter(|(_, schema)| !is_temporary(&schema.name)) {
            let line = format!("schema {}", Ident(self.schema_name(id)));
            add(ObjectRef::Schema { name: schema.name.clone() }, line);
        }
        for (id, relation) in self.relations() {
            let name = self.relation_name(id);
            if relation.extension.is_none() && !is_temporary(&name.schema) && !self.is_of_extension(relation)
            {
                self.relation_lines(&name, relation, &mut add);
            }
        }
        for (id, ty) in self.types().filter(|(_, ty)| ty.extension.is_none()) {
            let name = self.type_name(id);
            let line = format!("type {name} {}", self.type_line(ty));
            add(ObjectRef::Type { name }, line);
        }
        for (id, function) in self.functions().filter(|(_, function)| function.extension.is_none()) {
            let name = self.function_name(id);
            let arguments = function.signature();
            let line = function_line(&name, &arguments, function);
            add(ObjectRef::Function { name, arguments: Some(arguments) }, line);
        }
        for (name, version) in &self.extensions {
            let line = format!("extension {} {version}", Ident(name));
            add(ObjectRef::Extension { name: name.clone() }, line);
        }
        for (_, other) in self.others().filter(|(_, other)| self.is_described(other)) {
            let (class, name) = (other.class.clone(), self.other_label(other));
            let line = format!("{class} {name}");
            add(ObjectRef::Other { class, name }, line);
        }
    }

    fn is_described(&self, other: &Other) -> bool {
        let temporary = other.schema.is_some_and(|schema| is_temporary(self.schema_name(schema)));
        other.extension.is_none() && !is_of_cluster(&other.class) && !temporary
    }

    /// Indexes and owned sequences are no members of the extension themselves; their table is.
    fn is_of_extension(&self, relation: &Relation) -> bool {
        let table = match &relation.kind {
            RelationKind::Index(index) => Some(index.table),
            RelationKind::Sequence(sequence) => sequence.owned_by.map(|(table, _)| table),
            _ => None,
        };
        table.and_then(|table| self.relation(table)).is_some_and(|table| table.extension.is_some())
    }

    fn relation_lines(&self, name: &QName, relation: &Relation, add: &mut impl FnMut(ObjectRef, String)) {
        add(ObjectRef::relation(name), self.relation_line(name, relation));
        for column in &relation.columns {
            add(ObjectRef::column(name, &column.name), column_line(name, column));
        }
        for constraint in &relation.constraints {
            // The column says it, on every version of the server.
            if constraint.kind == ConstraintKind::NotNull && constraint.validated {
                continue;
            }
            let object = ObjectRef::Constraint { relation: name.clone(), name: constraint.name.clone() };
            add(object, self.constraint_line(name, relation, constraint));
        }
        for trigger in &relation.triggers {
            let object = ObjectRef::Trigger { relation: name.clone(), name: trigger.name.clone() };
            add(object, self.trigger_line(name, relation, trigger));
        }
        for policy in &relation.policies {
            let object = ObjectRef::Policy { relation: name.clone(), name: policy.name.clone() };
            add(object, attached_line("policy", name, policy));
        }
        for rule in &relation.rules {
            let object = ObjectRef::Rule { relation: name.clone(), name: rule.name.clone() };
            add(object, attached_line("rule", name, rule));
        }
    }

    fn relation_line(&self, name: &QName, relation: &Relation) -> String {
        let mut line = match relation.persistence {
            'u' => format!("unlogged {} {name}", relation.kind.noun()),
            _ => format!("{} {name}", relation.kind.noun()),
        };
        match &relation.kind {
            RelationKind::Index(index) => self.index_facts(&mut line, index),
            RelationKind::Sequence(sequence) => {
                push(&mut line, "", sequence.definition.as_deref());
                if let Some((table, number)) = sequence.owned_by {
                    let column = self.relation(table).and_then(|table| table.column_numbered(number));
                    let column = column.map_or("?", |column| column.name.as_str());
                    let kind = if sequence.identity { "identity of" } else { "owned by" };
                    let _ = write!(line, " {kind} {}.{}", self.relation_name(table), Ident(column));
                }
            }
            _ => {}
        }
        if let Some(of_type) = relation.of_type {
            let _ = write!(line, " of {}", self.type_name(of_type));
        }
        let parents: Vec<String> =
            relation.parents.iter().map(|id| self.relation_name(*id).to_string()).collect();
        if !parents.is_empty() {
            let _ = write!(line, " inherits ({})", parents.join(", "));
        }
        push(&mut line, "partition by ", relation.partition_key.as_deref());
        push(&mut line, "", relation.partition_bound.as_deref());
        if !relation.options.is_empty() {
            let _ = write!(line, " with ({})", relation.options.join(", "));
        }
        match relation.row_security {
            (true, true) => line.push_str(" row security forced"),
            (true, false) => line.push_str(" row security"),
            (false, true) => line.push_str(" row security forced but disabled"),
            (false, false) => {}
        }
        push(&mut line, "as ", relation.query.as_deref());
        line
    }

    fn index_facts(&self, line: &mut String, index: &Index) {
        let Some(table) = self.relation(index.table) else { return };
        let keys: Vec<String> = index.keys.iter().map(|key| key_text(table, key)).collect();
        let _ = write!(
            line,
            " on {} using {} ({})",
            self.relation_name(index.table),
            index.method,
            keys.join(", ")
        );
        if !index.include.is_empty() {
            let _ = write!(line, " include ({})", list(table, &index.include));
        }
        for (is, word) in [
            (index.unique, " unique"),
            (index.nulls_not_distinct, " nulls not distinct"),
            (!index.immediate, " deferrable"),
            (!index.valid, " invalid"),
        ] {
            line.push_str(if is { word } else { "" });
        }
        push(line, "where ", index.predicate.as_ref().map(|predicate| predicate.text.as_str()));
    }

    fn constraint_line(&self, name: &QName, table: &Relation, constraint: &Constraint) -> String {
        let columns = list(table, &constraint.columns);
        let facts = match &constraint.kind {
            ConstraintKind::PrimaryKey => format!("primary key ({columns})"),
            ConstraintKind::Unique => format!("unique ({columns})"),
            ConstraintKind::ForeignKey(reference) => {
                format!("foreign key ({columns}) {}", self.reference_text(reference))
            }
            ConstraintKind::Check(expression) => format!("check ({})", one_line(&expression.text)),
            // The operators are in the text only.
            ConstraintKind::Exclude => constraint.definition.as_deref().unwrap_or("exclude").to_owned(),
            ConstraintKind::NotNull => format!("not null {columns}"),
        };
        let mut line = format!("constraint {} on {name} {facts}", Ident(&constraint.name));
        for (is, word) in [
            (constraint.deferrable, " deferrable"),
            (constraint.deferred, " initially deferred"),
            (!constraint.validated && constraint.enforced, " not valid"),
            (!constraint.enforced, " not enforced"),
            (constraint.inherited, " inherited"),
        ] {
            line.push_str(if is { word } else { "" });
        }
        line
    }

    fn reference_text(&self, reference: &Reference) -> String {
        let columns = self.relation(reference.table).map(|table| list(table, &reference.columns));
        let mut text =
            format!("references {} ({})", self.relation_name(reference.table), columns.unwrap_or_default());
        if reference.matching == 'f' {
            text.push_str(" match full");
        }
        for (event, action) in [("delete", reference.on_delete), ("update", reference.on_update)] {
            let action = match action {
                'r' => "restrict",
                'c' => "cascade",
                'n' => "set null",
                'd' => "set default",
                _ => continue,
            };
            let _ = write!(text, " on {event} {action}");
        }
        text
    }

    fn trigger_line(&self, name: &QName, table: &Relation, trigger: &Trigger) -> String {
        let mut line = format!("trigger {} on {name}", Ident(&trigger.name));
        match &trigger.definition {
            Some(definition) => push(&mut line, "", Some(definition)),
            None => {
                let function = trigger.function.map(|id| self.function_name(id).to_string());
                let _ = write!(line, " of ({})", list(table, &trigger.columns));
                push(&mut line, "execute ", function.as_deref());
            }
        }
        line
    }

    fn type_line(&self, ty: &Type) -> String {
        match &ty.kind {
            TypeKind::Enum(labels) => {
                let labels: Vec<String> =
                    labels.iter().map(|label| format!("'{}'", label.label.replace('\'', "''"))).collect();
                format!("enum ({})", labels.join(", "))
            }
            TypeKind::Domain(domain) => {
                let mut line = format!("domain over {}", domain.base);
                line.push_str(if domain.not_null { " not null" } else { "" });
                push(&mut line, "default ", domain.default.as_ref().map(|default| default.text.as_str()));
                let mut checks: Vec<String> = domain.constraints.iter().filter_map(domain_check).collect();
                checks.sort();
                checks.iter().for_each(|check| push(&mut line, "", Some(check)));
                line
            }
            TypeKind::Composite => "composite".to_owned(),
            TypeKind::Range => "range".to_owned(),
            TypeKind::Base => "base".to_owned(),
        }
    }
}

fn is_temporary(schema: &str) -> bool {
    schema.starts_with("pg_temp")
}

fn is_of_cluster(class: &str) -> bool {
    matches!(class, "database" | "tablespace" | "role" | "subscription")
}

/// Adds a part to a line, on the same line.
fn push(line: &mut String, before: &str, text: Option<&str>) {
    if let Some(text) = text {
        let _ = write!(line, " {before}{}", one_line(text));
    }
}

/// Escapes line ends, so that a line stays one and no two texts become one.
fn one_line(text: &str) -> String {
    text.trim().replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")
}

fn list(table: &Relation, numbers: &[i16]) -> String {
    let names: Vec<String> = table.names(numbers).iter().map(|name| Ident(name).to_string()).collect();
    names.join(", ")
}

fn key_text(table: &Relation, key: &IndexKey) -> String {
    let mut text = match (&key.expression, key.column) {
        (Some(expression), _) => one_line(&expression.text),
        (None, column) => list(table, column.as_slice()),
    };
    push(&mut text, "collate ", key.collation.as_deref());
    push(&mut text, "", key.opclass.as_deref());
    text.push_str(match (key.descending, key.nulls_first) {
        (true, true) => " desc",
        (true, false) => " desc nulls last",
        (false, true) => " nulls first",
        (false, false) => "",
    });
    text
}

fn column_line(relation: &QName, column: &Column) -> String {
    let mut line = format!("column {relation}.{} {}", Ident(&column.name), column.ty);
    push(&mut line, "collate ", column.collation.as_deref());
    line.push_str(if column.not_null { " not null" } else { "" });
    push(&mut line, "default ", column.default.as_ref().map(|default| default.text.as_str()));
    push(
        &mut line,
        "generated always as ",
        column.generated.as_ref().map(|generated| generated.text.as_str()),
    );
    line.push_str(match column.identity {
        Some(Identity::Always) => " generated always as identity",
        Some(Identity::ByDefault) => " generated by default as identity",
        None => "",
    });
    line.push_str(if column.inherited { " inherited" } else { "" });
    line
}

fn attached_line(kind: &str, relation: &QName, attached: &Attached) -> String {
    let mut line = format!("{kind} {} on {relation}", Ident(&attached.name));
    push(&mut line, "", attached.definition.as_deref());
    line
}

/// A CHECK of a domain; its NOT NULL is said beside it, on every version of the server.
fn domain_check(constraint: &Constraint) -> Option<String> {
    let ConstraintKind::Check(expression) = &constraint.kind else { return None };
    let valid = if constraint.validated { "" } else { " not valid" };
    Some(format!("constraint {} check ({}){valid}", Ident(&constraint.name), expression.text))
}

fn function_line(name: &QName, arguments: &str, function: &Function) -> String {
    let kind = match function.kind {
        FunctionKind::Function => "function",
        FunctionKind::Procedure => "procedure",
        FunctionKind::Aggregate => "aggregate",
        FunctionKind::Window => "window function",
    };
    let mut line = format!("{kind} {name}({arguments})");
    let parameters: Vec<String> = function
        .parameters
        .iter()
        .map(|parameter| {
            let name = parameter.name.as_deref().map_or_else(String::new, |name| format!("{} ", Ident(name)));
            format!("{} {name}{}", parameter.mode, parameter.ty)
        })
        .collect();
    let _ = write!(line, " [{}]", parameters.join(", "));
    if function.defaults > 0 {
        let _ = write!(line, " defaults {}", function.defaults);
    }
    if let Some(result) = &function.result {
        let _ = write!(line, " returns {}{result}", if function.returns_set { "setof " } else { "" });
    }
    let _ = write!(
        line,
        " language {} {}",
        Ident(&function.language),
        match function.volatility {
            'i' => "immutable",
            's' => "stable",
            _ => "volatile",
        }
    );
    push(&mut line, "as ", function.body.as_deref());
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Expr, Id, SearchPath, TypeRef};

    /// Two tables and a foreign key; in which order they get their ids must not matter.
    fn sample(swapped: bool) -> Catalog {
        let mut catalog = Catalog::empty();
        let public = catalog.path_schemas(&SearchPath::default())[0];
        let ids = if swapped {
            let second = catalog.reserve();
            (catalog.reserve(), second)
        } else {
            (catalog.reserve(), catalog.reserve())
        };
        let mut users = Relation::new(public, "users", RelationKind::Table);
        let first = if swapped { 7 } else { 1 };
        users.columns.push(Column::new(first, "id", TypeRef::builtin("int8")));
        users.columns.push(Column {
            not_null: true,
            default: Some(Expr::new("'a\nb'::text")),
            ..Column::new(first + 1, "Name", TypeRef::builtin("text"))
        });
        let mut orders = Relation::new(public, "orders", RelationKind::Table);
        orders.columns.push(Column::new(1, "user", TypeRef::builtin("int8")));
        orders.constraints.push(foreign_key(ids.0, first));
        orders.bytes = if swapped { 8192 } else { 0 };
        catalog.add_relation_as(ids.0, users);
        catalog.add_relation_as(ids.1, orders);
        catalog
    }

    fn foreign_key(table: Id, column: i16) -> Constraint {
        let reference =
            Reference { table, columns: vec![column], on_delete: 'c', on_update: 'a', matching: 's' };
        Constraint {
            name: "of_user".into(),
            kind: ConstraintKind::ForeignKey(reference),
            columns: vec![1],
            deferrable: true,
            validated: false,
            ..Constraint::new(ConstraintKind::Check(Expr::new("")))
        }
    }

    #[test]
    fn lines_tell_everything_by_name() {
        let lines: Vec<String> = sample(false).describe().into_values().collect();
        assert_eq!(
            lines,
            [
                "schema public",
                "table orders",
                "table users",
                "column orders.\"user\" bigint",
                "column users.\"Name\" text not null default 'a\\nb'::text",
                "column users.id bigint",
                "constraint of_user on orders foreign key (\"user\") references users (id) on delete cascade deferrable not valid",
                "extension plpgsql 1.0",
            ]
        );
    }

    #[test]
    fn ids_numbers_and_sizes_do_not_matter() {
        assert_eq!(sample(false).describe(), sample(true).describe());
        assert_eq!(sample(false).fingerprint(), sample(true).fingerprint());
    }

    #[test]
    fn a_changed_column_changes_the_fingerprint_and_is_found() {
        let before = sample(false);
        let mut after = sample(false);
        let (users, _) = after.relation_at(&QName::new("public", "users")).unwrap();
        let table = after.relation_mut(users).unwrap();
        table.columns[0].not_null = true;
        table.columns.push(Column::new(9, "new", TypeRef::builtin("bool")));
        assert_ne!(before.fingerprint(), after.fingerprint());
        let found = difference(&before.describe(), &after.describe());
        let name = QName::new("public", "users");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].object, ObjectRef::column(&name, "id"));
        assert_eq!(found[0].after.as_deref(), Some("column users.id bigint not null"));
        assert_eq!(
            (found[1].before.as_deref(), found[1].object.clone()),
            (None, ObjectRef::column(&name, "new"))
        );
        let back = difference(&after.describe(), &before.describe());
        assert_eq!(back[1].after, None);
    }
}
