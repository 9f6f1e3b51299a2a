//! Columns of a table and of its descendants.

use crate::catalog::{Catalog, ColumnChange, ColumnNumber, Id, Origin, RelationKind};

impl Catalog {
    pub(super) fn add_column(&mut self, relation: Id, column: &crate::catalog::Column, origin: Origin) {
        let mut tables = vec![(relation, false)];
        while let Some((id, inherited)) = tables.pop() {
            tables.extend(self.children_of(id).into_iter().map(|child| (child, true)));
            let Some(table) = self.relations.get_mut(&id) else { continue };
            if table.column(&column.name).is_none() {
                let number = table.next_number();
                let inherited = inherited || column.inherited;
                table.columns.push(crate::catalog::Column { number, origin, inherited, ..column.clone() });
                self.note_dependencies(id);
            }
        }
    }

    /// The column itself and those of the same name that descendants inherited from it.
    pub(super) fn with_descendants(&self, relation: Id, column: ColumnNumber) -> Vec<(Id, ColumnNumber)> {
        let Some(name) =
            self.relation(relation).and_then(|r| r.column_numbered(column)).map(|c| c.name.clone())
        else {
            return Vec::new();
        };
        let mut all = vec![(relation, column)];
        let mut queue = self.children_of(relation);
        while let Some(id) = queue.pop() {
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
        change: impl FnOnce(&mut crate::catalog::Column),
    ) {
        if let Some(column) =
            self.relations.get_mut(&relation).and_then(|r| r.columns.iter_mut().find(|c| c.number == column))
        {
            change(column);
        }
    }

    pub(super) fn alter_column(&mut self, relation: Id, column: ColumnNumber, change: &ColumnChange) {
        for (relation, column) in self.with_descendants(relation, column) {
            self.with_column(relation, column, |column| match change {
                ColumnChange::Type(ty) => column.ty.clone_from(ty),
                ColumnChange::Default(default, depends) => {
                    column.default.clone_from(default);
                    column.default_depends.clone_from(depends);
                }
                ColumnChange::NotNull(not_null) => column.not_null = *not_null,
                ColumnChange::Identity(identity) => column.identity = *identity,
                ColumnChange::Generated(generated) => column.generated.clone_from(generated),
            });
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
}
