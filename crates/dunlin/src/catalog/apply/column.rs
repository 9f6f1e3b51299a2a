//! Columns of a table and of its descendants.

use crate::catalog::{
    Catalog, Column, ColumnChange, ColumnNumber, ConstraintKind, Detail, DetailValue, Expr, Id, Ident,
    Origin, RelationKind, Subject,
};
use crate::syntax::{TokenKind, tokens};
use std::collections::BTreeSet;

impl Catalog {
    /// Adds a column to a table and its descendants; a descendant that has one of that name merges them.
    pub(super) fn add_column(&mut self, relation: Id, column: &Column, origin: Origin) {
        let mut tables = vec![(relation, false)];
        while let Some((id, below)) = tables.pop() {
            let version = self.server_version;
            let Some(table) = self.relations.get_mut(&id) else { continue };
            if below && let Some(there) = table.columns.iter_mut().find(|there| there.name == column.name) {
                // Its own descendants have it already.
                there.inherited = true;
                if version >= 180_000 && column.not_null {
                    let number = there.number;
                    self.alter_column(id, number, &ColumnChange::NotNull(true), false);
                }
                continue;
            }
            if table.column(&column.name).is_some() {
                continue;
            }
            let number = table.next_number();
            let (inherited, local) = (below || column.inherited, !below && column.local);
            let mut copy = Column { number, origin, inherited, local, ..column.clone() };
            copy.default_depends = column.default_depends_of(relation, id, table);
            table.columns.push(copy);
            // One that was dropped may have had its number.
            self.forget_details(&Subject::Column(id, number));
            self.note_dependencies(id);
            tables.extend(self.children_of(id).into_iter().map(|child| (child, true)));
            tables.extend(self.typed_tables(id).into_iter().map(|typed| (typed, false)));
        }
    }

    /// The tables of a composite type (`CREATE TABLE … OF`), by its relation.
    fn typed_tables(&self, composite: Id) -> Vec<Id> {
        let Some(relation) = self.relations.get(&composite).filter(|r| r.kind == RelationKind::Composite)
        else {
            return Vec::new();
        };
        let ty = self.type_names.get(&(relation.schema, relation.name.clone())).copied();
        let mut typed = ty.map(|ty| self.dependents_of(ty)).unwrap_or_default();
        typed.retain(|id| self.relations.get(id).is_some_and(|table| table.of_type == ty));
        typed
    }

    /// How many direct parents have a column of that name.
    fn parents_with_column(&self, child: Id, name: &str) -> usize {
        let parents = self.relations.get(&child).map(|table| table.parents.as_slice()).unwrap_or_default();
        parents
            .iter()
            .filter(|parent| self.relations.get(parent).is_some_and(|parent| parent.column(name).is_some()))
            .count()
    }

    /// The column itself and those of the same name that descendants inherited from it.
    pub(super) fn with_descendants(&self, relation: Id, column: ColumnNumber) -> Vec<(Id, ColumnNumber)> {
        let Some(name) =
            self.relation(relation).and_then(|r| r.column_numbered(column)).map(|c| c.name.clone())
        else {
            return Vec::new();
        };
        let mut all = vec![(relation, column)];
        let mut seen = BTreeSet::from([relation]);
        let mut queue = self.children_of(relation);
        for typed in self.typed_tables(relation) {
            if let Some(column) = self.relation(typed).and_then(|table| table.column(&name)) {
                all.push((typed, column.number));
            }
            queue.extend(self.children_of(typed));
        }
        while let Some(id) = queue.pop() {
            if !seen.insert(id) {
                continue;
            }
            queue.extend(self.children_of(id));
            if let Some(inherited) = self.relation(id).and_then(|r| r.column(&name)).filter(|c| c.inherited) {
                all.push((id, inherited.number));
            }
        }
        all
    }

    pub(super) fn with_column(
        &mut self,
        relation: Id,
        column: ColumnNumber,
        change: impl FnOnce(&mut Column),
    ) {
        if let Some(column) =
            self.relations.get_mut(&relation).and_then(|r| r.columns.iter_mut().find(|c| c.number == column))
        {
            change(column);
        }
    }

    pub(super) fn alter_column(
        &mut self,
        relation: Id,
        column: ColumnNumber,
        change: &ColumnChange,
        only: bool,
    ) {
        // The tables of a type always follow it.
        let only = only && self.typed_tables(relation).is_empty();
        let all = if only { vec![(relation, column)] } else { self.with_descendants(relation, column) };
        for (relation, column) in all {
            self.with_column(relation, column, |column| match change {
                ColumnChange::Type(ty, collation) => {
                    column.ty.clone_from(ty);
                    column.collation.clone_from(collation);
                }
                ColumnChange::Default(default, depends) => {
                    column.default.clone_from(default);
                    column.default_depends.clone_from(depends);
                }
                ColumnChange::NotNull(not_null) => column.not_null = *not_null,
                ColumnChange::Identity(identity) => column.identity = *identity,
                ColumnChange::Generated(generated, depends) => {
                    column.generated.clone_from(generated);
                    column.default_depends.clone_from(depends);
                }
            });
            if let (ColumnChange::NotNull(false), Some(table)) = (change, self.relations.get_mut(&relation)) {
                table.constraints.retain(|constraint| {
                    constraint.kind != ConstraintKind::NotNull || constraint.columns != [column]
                });
            }
            if matches!(change, ColumnChange::Type(..)) {
                // How its values are stored is the new type's again.
                for detail in [Detail::Storage, Detail::Compression] {
                    self.set_detail(Subject::Column(relation, column), detail, DetailValue::Absent);
                }
            }
            if matches!(change, ColumnChange::Identity(None)) {
                self.drop_owned_sequences(relation, column, true);
            }
            self.note_dependencies(relation);
        }
    }

    pub(super) fn drop_owned_sequences(&mut self, table: Id, column: ColumnNumber, identity_only: bool) {
        let owned: Vec<Id> = self
            .dependents_of(table)
            .into_iter()
            .filter(|id| match self.relations.get(id).map(|r| &r.kind) {
                Some(RelationKind::Sequence(s)) => {
                    s.owned_by == Some((table, column)) && (s.identity || !identity_only)
                }
                _ => false,
            })
            .collect();
        for sequence in owned {
            self.drop_relation(sequence);
        }
    }

    /// Drops a column with everything that hangs on it. Descendants lose theirs, unless they declare it
    /// themselves or have it from another parent; with `only` it becomes their own.
    pub(super) fn drop_column(&mut self, relation: Id, column: ColumnNumber, only: bool) {
        let Some(name) =
            self.relation(relation).and_then(|r| r.column_numbered(column)).map(|c| c.name.clone())
        else {
            return;
        };
        for dependent in self.column_dependents(relation, column) {
            self.drop_by_ref(&dependent);
        }
        self.drop_owned_sequences(relation, column, false);
        self.others_on_column(relation, column).into_iter().for_each(|id| self.drop_other(id));
        if let Some(table) = self.relations.get_mut(&relation) {
            table.columns.retain(|c| c.number != column);
        }
        for child in self.children_of(relation) {
            self.leave_column(child, &name, only);
        }
        for typed in self.typed_tables(relation) {
            let column = self.relation(typed).and_then(|table| table.column(&name)).map(|found| found.number);
            if let Some(column) = column {
                self.drop_column(typed, column, false);
            }
        }
    }

    /// Renames a column of a table and of its descendants, also in the texts of their expressions.
    pub(super) fn rename_column(&mut self, relation: Id, column: ColumnNumber, to: &str) {
        let from = self.relation(relation).and_then(|r| r.column_numbered(column)).map(|c| c.name.clone());
        let Some(from) = from else { return };
        for (table, number) in self.with_descendants(relation, column) {
            self.with_column(table, number, |column| to.clone_into(&mut column.name));
            self.rename_in_texts(table, number, (&from, to));
        }
    }

    fn rename_in_texts(&mut self, table: Id, number: ColumnNumber, names: (&str, &str)) {
        let indexes: Vec<Id> = self.indexes_of(table).into_iter().map(|(id, ..)| id).collect();
        let Some(relation) = self.relations.get_mut(&table) else { return };
        for constraint in relation.constraints.iter_mut().filter(|c| c.columns.contains(&number)) {
            constraint.definition = None;
            if let ConstraintKind::Check(expression) = &mut constraint.kind {
                rename_in(expression, names);
            }
        }
        for column in &mut relation.columns {
            let uses = |need: &crate::catalog::Dependency| need.on == table && need.column == Some(number);
            if column.default_depends.iter().any(uses) {
                column.generated.iter_mut().for_each(|expression| rename_in(expression, names));
            }
        }
        for index in indexes {
            let Some(RelationKind::Index(index)) =
                self.relations.get_mut(&index).map(|found| &mut found.kind)
            else {
                continue;
            };
            if index.uses.contains(&number) {
                index.definition = None;
                let expressions = index.keys.iter_mut().filter_map(|key| key.expression.as_mut());
                expressions.chain(&mut index.predicate).for_each(|expression| rename_in(expression, names));
            }
        }
    }

    /// A parent of `child` has no column of that name any more.
    pub(super) fn leave_column(&mut self, child: Id, name: &str, keep: bool) {
        let inherited = self.parents_with_column(child, name) > 0;
        let Some(table) = self.relations.get_mut(&child) else { return };
        let Some(column) = table.columns.iter_mut().find(|c| c.name == name && c.inherited) else { return };
        column.inherited = inherited;
        column.local |= keep;
        if !column.inherited && !column.local {
            let number = column.number;
            self.drop_column(child, number, false);
        }
    }

    /// A parent of `child` is none any more: a column that no other parent has is the child's own.
    pub(super) fn keep_column(&mut self, child: Id, name: &str) {
        let inherited = self.parents_with_column(child, name) > 0;
        let Some(table) = self.relations.get_mut(&child) else { return };
        if let Some(column) = table.columns.iter_mut().find(|c| c.name == name && c.inherited) {
            column.inherited = inherited;
            column.local |= !inherited;
        }
    }
}

/// Writes a column's new name in an expression over one table.
fn rename_in(expression: &mut Expr, (from, to): (&str, &str)) {
    let text = &expression.text;
    let mut renamed = String::new();
    let mut end = 0;
    let all = tokens(text);
    for (at, token) in all.iter().enumerate() {
        let written = token.text(text);
        let is_name = match token.kind {
            TokenKind::Word => written.eq_ignore_ascii_case(from) && from.chars().all(|c| !c.is_uppercase()),
            TokenKind::QuotedIdent => written.trim_matches('"').replace("\"\"", "\"") == from,
            _ => false,
        };
        // A function or a type may have the same name.
        let other = all.get(at + 1).is_some_and(|next| next.is_punct(text, "("))
            || at.checked_sub(1).is_some_and(|before| matches!(all[before].text(text), "::" | "."));
        if is_name && !other {
            renamed.push_str(&text[end..token.span.start]);
            renamed.push_str(&Ident(to).to_string());
            end = token.span.end;
        }
    }
    renamed.push_str(&text[end..]);
    expression.text = renamed;
}
