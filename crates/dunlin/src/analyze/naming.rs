//! The names that PostgreSQL chooses for what has none: constraints, indexes, sequences.

use crate::catalog::{Catalog, ColumnChange, ColumnNumber, Effect, Id, Index, QName, Relation, RelationKind};
use crate::syntax::{NodeEnum, parse_expression, protobuf};
use std::collections::BTreeSet;

/// `NAMEDATALEN - 1`.
const LONGEST: usize = 63;

/// Chooses names in one schema, where those chosen before in the same statement are taken too.
pub(super) struct Chooser<'a> {
    catalog: &'a Catalog,
    schema: String,
    relations: BTreeSet<(String, String)>,
    freed: BTreeSet<(String, String)>,
    constraints: BTreeSet<(String, String)>,
}

impl<'a> Chooser<'a> {
    /// Starts choosing names in a schema.
    pub(super) fn new(catalog: &'a Catalog, schema: &str) -> Chooser<'a> {
        let schema = schema.to_owned();
        Chooser {
            catalog,
            schema,
            relations: BTreeSet::new(),
            freed: BTreeSet::new(),
            constraints: BTreeSet::new(),
        }
    }

    /// Takes over what was chosen for another table of the statement.
    pub(super) fn also(&mut self, other: &Chooser<'a>) {
        self.relations.extend(other.relations.iter().cloned());
        self.constraints.extend(other.constraints.iter().cloned());
        self.freed.extend(other.freed.iter().cloned());
    }

    /// Says that an index of this name is dropped by the statement, and its constraint.
    pub(super) fn free(&mut self, schema: &str, name: &str) {
        self.freed.insert((schema.to_owned(), name.to_owned()));
    }

    /// Says that the parts that partitions have of an index are dropped by the statement.
    pub(super) fn free_parts(&mut self, whole: Id) {
        for part in self.catalog.children_of(whole) {
            self.free_relation(part);
            self.free_parts(part);
        }
    }

    /// Leaves the names of what actions of ALTER TABLE drop, and take along, to what the others make.
    pub(super) fn free_dropped(&mut self, dropped: &[Effect]) {
        for effect in dropped {
            match effect {
                Effect::DropConstraint { relation, name, .. } => self.free_constraint(*relation, name),
                Effect::DropColumn { relation, column, .. } => self.free_column(*relation, *column),
                Effect::AlterColumn { relation, column, change: ColumnChange::Identity(None), .. } => {
                    self.free_sequences((*relation, *column), true);
                }
                _ => {}
            }
        }
    }

    fn free_column(&mut self, relation: Id, column: ColumnNumber) {
        let Some(table) = self.catalog.relation(relation) else { return };
        for constraint in table.constraints.iter().filter(|constraint| constraint.columns.contains(&column)) {
            self.free_constraint(relation, &constraint.name);
        }
        for (index, _, found) in self.catalog.indexes_of(relation) {
            if found.uses.contains(&column) {
                self.free_relation(index);
                self.free_parts(index);
            }
        }
        self.free_sequences((relation, column), false);
    }

    fn free_constraint(&mut self, relation: Id, name: &str) {
        self.free(&self.catalog.relation_name(relation).schema, name);
        let found = self.catalog.relation(relation).and_then(|table| table.constraint(name));
        if let Some(index) = found.filter(|found| found.is_key()).and_then(|found| found.index) {
            self.free_relation(index);
            self.free_parts(index);
        }
    }

    fn free_sequences(&mut self, owner: (Id, ColumnNumber), identity: bool) {
        for id in self.catalog.dependents_of(owner.0) {
            if let Some(RelationKind::Sequence(sequence)) = self.catalog.relation(id).map(|found| &found.kind)
                && sequence.owned_by == Some(owner)
                && (sequence.identity || !identity)
            {
                self.free_relation(id);
            }
        }
    }

    fn free_relation(&mut self, id: Id) {
        let name = self.catalog.relation_name(id);
        self.free(&name.schema, &name.name);
    }

    /// Says that a relation of this name is made by the statement.
    pub(super) fn take_relation(&mut self, name: &str) {
        self.relations.insert((self.schema.clone(), name.to_owned()));
    }

    /// Says that a constraint of this name is made by the statement.
    pub(super) fn take_constraint(&mut self, name: &str) {
        self.constraints.insert((self.schema.clone(), name.to_owned()));
    }

    /// Chooses a relation's name, as `ChooseRelationName` does; an index of a constraint (`is_constraint`)
    /// must not have the name of a constraint either.
    pub(super) fn relation(&mut self, name1: &str, name2: &str, label: &str, is_constraint: bool) -> String {
        let name = first_free(name1, name2, label, |name| {
            self.has_relation(name) || (is_constraint && self.has_constraint(name))
        });
        self.take_relation(&name);
        if is_constraint {
            self.take_constraint(&name);
        }
        name
    }

    /// Chooses a constraint's name, as `ChooseConstraintName` does.
    pub(super) fn constraint(&mut self, name1: &str, name2: &str, label: &str) -> String {
        let name = first_free(name1, name2, label, |name| self.has_constraint(name));
        self.take_constraint(&name);
        name
    }

    /// Chooses a constraint's name like one that is taken: with the first number that is free.
    pub(super) fn numbered_constraint(&mut self, name: &str) -> String {
        let numbered = (1_u32..).map(|number| object_name(name, "", &number.to_string()));
        let free = numbered.into_iter().find(|name| !self.has_constraint(name)).unwrap_or_default();
        self.take_constraint(&free);
        free
    }

    fn is_free(&self, name: &str) -> bool {
        self.freed.contains(&(self.schema.clone(), name.to_owned()))
    }

    fn has_relation(&self, name: &str) -> bool {
        self.relations.contains(&(self.schema.clone(), name.to_owned()))
            || !self.is_free(name)
                && self.catalog.relation_at(&QName::new(self.schema.clone(), name)).is_some()
    }

    fn has_constraint(&self, name: &str) -> bool {
        self.constraints.contains(&(self.schema.clone(), name.to_owned()))
            || !self.is_free(name) && self.catalog.has_constraint(&self.schema, name)
    }
}

fn first_free(name1: &str, name2: &str, label: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut pass = 0_usize;
    loop {
        let label = if pass == 0 { label.to_owned() } else { format!("{label}{pass}") };
        let name = object_name(name1, name2, &label);
        if !taken(&name) {
            return name;
        }
        pass += 1;
    }
}

/// Joins a name from parts and cuts the first two so that it is not too long (`makeObjectName`).
pub(super) fn object_name(name1: &str, name2: &str, label: &str) -> String {
    let overhead = label.len() + 1 + usize::from(!name2.is_empty());
    let room = LONGEST.saturating_sub(overhead);
    let (mut first, mut second) = (name1.len(), name2.len());
    while first + second > room {
        if first > second {
            first -= 1;
        } else {
            second -= 1;
        }
    }
    let (first, second) = (clip(name1, first), clip(name2, second));
    if name2.is_empty() { format!("{first}_{label}") } else { format!("{first}_{second}_{label}") }
}

/// Cuts text to so many bytes at most, at the end of a character.
pub(super) fn clip(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Joins column names as the middle of a name (`ChooseIndexNameAddition`).
pub(super) fn joined(columns: &[String]) -> String {
    let mut text = String::new();
    for column in columns {
        if !text.is_empty() {
            text.push('_');
        }
        text.push_str(column);
        if text.len() > LONGEST {
            break;
        }
    }
    text
}

/// The column names that an index gets, from its elements (`ChooseIndexColumnNames`).
pub(super) fn index_columns<'n>(elements: impl Iterator<Item = &'n protobuf::IndexElem>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for element in elements {
        let wanted = if element.name.is_empty() {
            element
                .expr
                .as_ref()
                .and_then(|node| super::query_name::figure_or_none(node))
                .unwrap_or_else(|| "expr".into())
        } else {
            element.name.clone()
        };
        let mut name = wanted.clone();
        let mut pass = 1;
        while names.contains(&name) {
            let number = pass.to_string();
            name = format!("{}{number}", clip(&wanted, LONGEST - number.len()));
            pass += 1;
        }
        names.push(name);
    }
    names
}

/// The column names that an index like `index` gets.
pub(super) fn key_names(table: &Relation, index: &Index) -> Vec<String> {
    let elements: Vec<protobuf::IndexElem> = index
        .keys
        .iter()
        .map(|key| (key.column, key.expression.as_ref()))
        .chain(index.include.iter().map(|number| (Some(*number), None)))
        .map(|(column, expression)| protobuf::IndexElem {
            name: column.and_then(|number| table.names(&[number]).pop()).unwrap_or_default(),
            expr: expression.and_then(|expression| parsed(&expression.text)).map(Box::new),
            ..protobuf::IndexElem::default()
        })
        .collect();
    index_columns(elements.iter())
}

/// The tree of an expression that is kept as text.
fn parsed(text: &str) -> Option<protobuf::Node> {
    let select = parse_expression(text).ok()?;
    match select.target_list.into_iter().next()?.node? {
        NodeEnum::ResTarget(target) => target.val.map(|value| *value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_as_postgres_cuts_them() {
        // Asked of PostgreSQL 15.
        let table = "a_table_with_a_name_that_is_really_quite_long_indeed";
        let cut = |column: &str, label: &str| object_name(table, column, label);
        assert_eq!(
            cut("a_column_with_a_long_name", "fkey"),
            "a_table_with_a_name_that_is_real_a_column_with_a_long_name_fkey"
        );
        assert_eq!(
            cut("éééééééééééééééééééééééé", "key"),
            "a_table_with_a_name_that_is_r_éééééééééééééé_key"
        );
        assert_eq!(
            cut("expr_lower", "excl"),
            "a_table_with_a_name_that_is_really_quite_long_i_expr_lower_excl"
        );
        assert_eq!(cut("", "check1"), "a_table_with_a_name_that_is_really_quite_long_indeed_check1");
        assert_eq!(object_name("t", "", "pkey"), "t_pkey");
    }

    #[test]
    fn columns_of_an_index_are_named_as_postgres_names_them() {
        let names = |sql: &str| {
            let Ok(NodeEnum::IndexStmt(index)) = crate::syntax::parse_sql_fragment(sql) else { panic!() };
            let elements = index.index_params.iter().chain(&index.index_including_params);
            joined(&index_columns(elements.filter_map(|node| match &node.node {
                Some(NodeEnum::IndexElem(element)) => Some(element.as_ref()),
                _ => None,
            })))
        };
        assert_eq!(names("create index on p(lower(a::text), (a+b), (b+a))"), "lower_expr_expr1");
        assert_eq!(names("create index on p(a) include (b)"), "a_b");
        assert_eq!(names("create index on p((a::text))"), "a");
        assert_eq!(
            names("create index on p((case when a>0 then b else a end), (coalesce(a,b)))"),
            "a_coalesce"
        );
    }
}
