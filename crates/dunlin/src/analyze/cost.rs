//! What a statement costs: which tables it reads through or writes anew while it holds its locks.
//!
//! Follows `tablecmds.c`: phase 3 of ALTER TABLE rewrites a table, or only scans it, or does neither.

use super::context::{Context, option_is_on, strings};
use super::{Cost, Reason, Work};
use crate::catalog::{
    Column, ColumnChange, ConstraintKind, Effect, Id, Relation, RelationChange, RelationKind, Target,
    TypeKind,
};
use crate::syntax::{NodeEnum, protobuf};
use protobuf::{AlterTableCmd, AlterTableType as Action, ConstrType};

impl Context<'_> {
    /// Records what a statement costs, once its effects are known.
    pub(super) fn costs(&mut self, node: &NodeEnum) {
        match node {
            NodeEnum::AlterTableStmt(node) => self.alter_table_costs(node),
            NodeEnum::IndexStmt(_) => self.index_costs(),
            NodeEnum::CreateStmt(node) if node.partbound.is_some() => self.new_partition_costs(),
            NodeEnum::ReindexStmt(_) => self.reindex_costs(),
            NodeEnum::ClusterStmt(_) => self.locked_costs(),
            NodeEnum::VacuumStmt(node) if option_is_on(&node.options, "full") => self.locked_costs(),
            NodeEnum::RefreshMatViewStmt(node) if !node.concurrent && !node.skip_data => self.locked_costs(),
            NodeEnum::AlterDomainStmt(_) => self.domain_costs(),
            _ => {}
        }
    }

    /// Records a cost of a relation, or of its partitions where it has no rows of its own.
    fn cost(&mut self, relation: Id, work: Work, reason: &Reason) {
        let Some(found) = self.catalog.relation(relation) else { return };
        let partitioned = match &found.kind {
            RelationKind::PartitionedTable => true,
            RelationKind::Index(index) => {
                self.catalog.relation(index.table).is_some_and(|table| table.partition_key.is_some())
            }
            _ => false,
        };
        if !partitioned && matches!(found.kind, RelationKind::View | RelationKind::ForeignTable) {
            return;
        }
        let cost = Cost { relation, work, reason: reason.clone() };
        if !partitioned && !self.analysis.costs.contains(&cost) {
            self.analysis.costs.push(cost);
        }
        if partitioned {
            for child in self.catalog.children_of(relation) {
                self.cost(child, work, reason);
            }
        }
    }

    /// Records a cost of a table and of all that inherit from it.
    fn family_cost(&mut self, relation: Id, work: Work, reason: &Reason) {
        self.cost(relation, work, reason);
        for child in self.catalog.children_of(relation) {
            self.family_cost(child, work, reason);
        }
    }

    fn alter_table_costs(&mut self, node: &protobuf::AlterTableStmt) {
        let effects = self.analysis.effects.clone();
        for effect in &effects {
            self.effect_costs(effect, node);
        }
        let Some(range) = &node.relation else { return };
        let name = super::context::range_name(range);
        let Some(id) = self.catalog.find_relation(&name, self.path()).yes() else { return };
        for command in node.cmds.iter().filter_map(command) {
            match command.subtype() {
                Action::AtSetTableSpace | Action::AtSetAccessMethod => {
                    self.cost(id, Work::Rewrite, &Reason::Storage);
                }
                // From PostgreSQL 18 a generated column may be virtual, which the catalog does not tell.
                Action::AtSetExpression if self.catalog.server_version < 180_000 => {
                    self.family_cost(id, Work::Rewrite, &Reason::Column(command.name.clone()));
                }
                _ => {}
            }
        }
    }

    fn effect_costs(&mut self, effect: &Effect, node: &protobuf::AlterTableStmt) {
        match effect {
            Effect::AddColumn { relation, column } => self.new_column_costs(*relation, column, node),
            Effect::AlterColumn { relation, column, change, .. } => {
                let Some(old) =
                    self.catalog.relation(*relation).and_then(|table| table.column_numbered(*column))
                else {
                    return;
                };
                match change {
                    ColumnChange::Type(..) => self.type_costs(*relation, &old.clone(), node),
                    ColumnChange::NotNull(true) => {
                        let adds_identity = node.cmds.iter().filter_map(command).any(|command| {
                            command.subtype() == Action::AtAddIdentity && command.name == old.name
                        });
                        // PostgreSQL 18: ADD NOT NULL … NOT VALID looks at no row.
                        let not_valid = node.cmds.iter().filter_map(command).any(|command| {
                            matches!(command.def.as_ref().and_then(|def| def.node.as_ref()),
                                Some(NodeEnum::Constraint(constraint))
                                    if constraint.contype() == ConstrType::ConstrNotnull
                                        && constraint.skip_validation
                                        && strings(&constraint.keys).contains(&old.name))
                        });
                        if !old.not_null
                            && !not_valid
                            && !adds_identity
                            && !self.proves_not_null(*relation, old)
                        {
                            let reason = Reason::NotNull(old.name.clone());
                            self.family_cost(*relation, Work::Scan, &reason);
                        }
                    }
                    _ => {}
                }
            }
            Effect::AddConstraint { relation: Target::Existing(id), constraint, .. } => {
                self.constraint_costs(*id, constraint, node, &effect_columns(&self.analysis.effects, *id));
            }
            Effect::ValidateConstraint { relation, name } => {
                let reason = Reason::Constraint(name.clone());
                self.family_cost(*relation, Work::Scan, &reason);
            }
            Effect::AlterRelation { relation, change: RelationChange::Persistence(_) } => {
                self.cost(*relation, Work::Rewrite, &Reason::Storage);
            }
            Effect::AlterRelation { relation, change: RelationChange::AddParent(parent, Some(bound)) } => {
                if !self.checks_partition_key(*relation, *parent) {
                    self.cost(*relation, Work::Scan, &Reason::Partition);
                }
                if self.lacks_index_of(*relation, *parent) {
                    self.cost(*relation, Work::Scan, &Reason::Index);
                }
                if bound != "DEFAULT" {
                    self.default_partition_cost(*parent);
                }
            }
            _ => {}
        }
    }

    fn new_column_costs(&mut self, table: Id, column: &Column, node: &protobuf::AlterTableStmt) {
        let reason = Reason::Column(column.name.clone());
        let definition = added_column(node, &column.name);
        let is_virtual = self.catalog.server_version >= 180_000
            && definition.is_some_and(|definition| {
                generated_constraint(definition).is_some_and(|constraint| constraint.generated_kind == "v")
            });
        let stored = column.generated.is_some() && !is_virtual;
        let volatile = column.default.as_ref().is_some_and(|default| self.is_volatile(&default.text));
        let rewrites = stored || column.identity.is_some() || volatile || self.has_domain_constraints(column);
        if rewrites {
            self.family_cost(table, Work::Rewrite, &reason);
        } else if column.not_null && column.default.is_none() {
            // Fails on the first row; on none it is done at once.
            self.family_cost(table, Work::Scan, &Reason::NotNull(column.name.clone()));
        }
    }

    fn constraint_costs(
        &mut self,
        table: Id,
        constraint: &crate::catalog::Constraint,
        node: &protobuf::AlterTableStmt,
        added: &[i16],
    ) {
        let reason = Reason::Constraint(constraint.name.clone());
        let written = written_constraint(node, &constraint.name);
        let enforced = written.is_none_or(|written| written.is_enforced || !is_check_or_key(written));
        let valid = constraint.validated && written.is_none_or(|written| !written.skip_validation);
        match &constraint.kind {
            ConstraintKind::Check(_) | ConstraintKind::NotNull if valid && enforced => {
                self.family_cost(table, Work::Scan, &reason);
            }
            ConstraintKind::ForeignKey(_) if constraint.validated && enforced => {
                // A new column without a default holds NULL only, which no foreign key looks at.
                let only_null = constraint.columns.iter().any(|number| added.contains(number))
                    && !self.analysis.effects.iter().any(|effect| {
                        matches!(effect, Effect::AddColumn { column, .. }
                            if constraint.columns.contains(&column.number) && column.fills_itself())
                    });
                if !only_null {
                    self.cost(table, Work::Scan, &reason);
                }
            }
            ConstraintKind::PrimaryKey | ConstraintKind::Unique | ConstraintKind::Exclude => {
                let using = node.cmds.iter().filter_map(command).any(uses_index);
                if !using {
                    self.cost(table, Work::Scan, &reason);
                }
                if constraint.kind == ConstraintKind::PrimaryKey {
                    self.key_not_null_costs(table, &constraint.columns);
                }
            }
            _ => {}
        }
    }

    /// A primary key makes its columns NOT NULL, which is looked up in the rows where nothing proves it.
    fn key_not_null_costs(&mut self, table: Id, columns: &[i16]) {
        let Some(relation) = self.catalog.relation(table) else { return };
        let open: Vec<Column> = columns
            .iter()
            .filter_map(|number| relation.column_numbered(*number))
            .filter(|column| !column.not_null)
            .cloned()
            .collect();
        for column in open {
            if !self.proves_not_null(table, &column) {
                self.family_cost(table, Work::Scan, &Reason::NotNull(column.name));
            }
        }
    }

    fn type_costs(&mut self, table: Id, column: &Column, node: &protobuf::AlterTableStmt) {
        let effects = &self.analysis.effects;
        let new = effects.iter().find_map(|effect| match effect {
            Effect::AlterColumn { column: number, change: ColumnChange::Type(ty, _), .. }
                if *number == column.number =>
            {
                Some(ty.clone())
            }
            _ => None,
        });
        let Some(new) = new else { return };
        let reason = Reason::Column(column.name.clone());
        let converts = node
            .cmds
            .iter()
            .filter_map(command)
            .filter(|command| command.name == column.name)
            .any(converts_values);
        if converts
            || column.generated.is_some()
            || !super::retype::keeps_values(self.catalog, &column.ty, &new)
        {
            self.family_cost(table, Work::Rewrite, &reason);
            return;
        }
        let checked = self.catalog.relation(table).is_some_and(|table| {
            table.constraints.iter().any(|constraint| {
                matches!(constraint.kind, ConstraintKind::Check(_))
                    && constraint.validated
                    && constraint.columns.contains(&column.number)
            })
        });
        if checked {
            self.family_cost(table, Work::Scan, &reason);
        }
    }

    /// Whether a valid CHECK of the table says that a column is not NULL (PostgreSQL looks since 12).
    fn proves_not_null(&self, table: Id, column: &Column) -> bool {
        let Some(relation) = self.catalog.relation(table) else { return false };
        let proof = format!("{} is not null", crate::catalog::Ident(&column.name)).to_lowercase();
        relation.constraints.iter().filter(|constraint| constraint.validated).any(|constraint| {
            match &constraint.kind {
                ConstraintKind::Check(expression) => {
                    let text = expression.text.to_lowercase().replace(['(', ')'], "");
                    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    !plain.contains(" or ")
                        && !plain.starts_with("not ")
                        && plain.split(" and ").any(|part| part == proof)
                }
                ConstraintKind::NotNull => constraint.columns.contains(&column.number),
                _ => false,
            }
        })
    }

    /// Whether a partition to be has a valid CHECK on the columns of the key, which may spare the scan.
    fn checks_partition_key(&self, child: Id, parent: Id) -> bool {
        let (Some(child), Some(parent)) = (self.catalog.relation(child), self.catalog.relation(parent))
        else {
            return false;
        };
        let key: Vec<String> = parent.names(&parent.partition_columns);
        child.constraints.iter().any(|constraint| {
            let names = child.names(&constraint.columns);
            matches!(constraint.kind, ConstraintKind::Check(_))
                && constraint.validated
                && key.iter().any(|column| names.contains(column))
        })
    }

    /// Whether the table that a partition is attached to has an index that the partition has not: it is built.
    fn lacks_index_of(&self, child: Id, parent: Id) -> bool {
        let keys = |table: Id| -> Vec<Vec<String>> {
            let Some(relation) = self.catalog.relation(table) else { return Vec::new() };
            let indexes = self.catalog.indexes_of(table).into_iter();
            indexes
                .map(|(_, _, index)| {
                    relation.names(&index.keys.iter().filter_map(|key| key.column).collect::<Vec<_>>())
                })
                .collect()
        };
        let there = keys(child);
        keys(parent).iter().any(|key| !there.contains(key))
    }

    fn new_partition_costs(&mut self) {
        let parents: Vec<Id> = self
            .analysis
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::CreateRelation { relation, .. }
                    if relation.partition_bound.as_deref().is_some_and(|bound| bound != "DEFAULT") =>
                {
                    Some(relation.parents.clone())
                }
                _ => None,
            })
            .flatten()
            .collect();
        for parent in parents {
            if self.catalog.relation(parent).is_some_and(|found| found.index().is_none()) {
                self.default_partition_cost(parent);
            }
        }
    }

    /// The default partition is searched for rows that belong to a new one.
    fn default_partition_cost(&mut self, parent: Id) {
        if let Some(default) = self.default_partition(parent) {
            self.cost(default, Work::Scan, &Reason::Partition);
        }
    }

    fn index_costs(&mut self) {
        let tables: Vec<Id> = self
            .analysis
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::CreateRelation { relation, .. } => relation.index().map(|index| index.table),
                _ => None,
            })
            .filter(|table| {
                let found = self.catalog.relation(*table);
                found.is_some_and(|relation| relation.partition_key.is_none())
            })
            .collect();
        for table in tables {
            self.cost(table, Work::Scan, &Reason::Index);
        }
    }

    /// Each index that is named, or that a named table has, is built anew from its table.
    fn reindex_costs(&mut self) {
        let locked: Vec<Id> = self.analysis.locks.iter().filter_map(|lock| lock.relation).collect();
        for id in &locked {
            let index = self.catalog.relation(*id).and_then(|relation| relation.index().cloned());
            let named = locked.iter().any(|other| self.is_index_of(*other, *id));
            match index {
                Some(index) => {
                    self.cost(*id, Work::Rewrite, &Reason::Index);
                    self.cost(index.table, Work::Scan, &Reason::Index);
                }
                None if !named => {
                    for (index, _, _) in self.catalog.indexes_of(*id) {
                        self.cost(index, Work::Rewrite, &Reason::Index);
                        self.cost(*id, Work::Scan, &Reason::Index);
                    }
                }
                None => {}
            }
        }
    }

    fn is_index_of(&self, index: Id, table: Id) -> bool {
        self.catalog.relation(index).and_then(Relation::index).is_some_and(|index| index.table == table)
    }

    /// CLUSTER, VACUUM FULL and REFRESH write anew what they lock.
    fn locked_costs(&mut self) {
        let locked: Vec<Id> = self
            .analysis
            .locks
            .iter()
            .filter(|lock| lock.mode == super::LockMode::AccessExclusive)
            .filter_map(|lock| lock.relation)
            .filter(|id| self.catalog.relation(*id).is_some_and(|relation| relation.index().is_none()))
            .collect();
        for id in locked {
            self.cost(id, Work::Rewrite, &Reason::Storage);
        }
    }

    /// A new rule of a domain is looked up in every table that uses it.
    fn domain_costs(&mut self) {
        let changed: Vec<Id> = self
            .analysis
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::ReplaceType { ty, with } if self.is_stricter(*ty, &with.kind) => Some(*ty),
                _ => None,
            })
            .collect();
        for ty in changed {
            for table in self.catalog.dependents_of(ty) {
                let uses = self
                    .catalog
                    .relation(table)
                    .is_some_and(|relation| relation.columns.iter().any(|column| column.ty.id == Some(ty)));
                if uses {
                    self.cost(table, Work::Scan, &Reason::Domain(self.catalog.type_name(ty).to_string()));
                }
            }
        }
    }

    fn is_stricter(&self, ty: Id, with: &TypeKind) -> bool {
        let (Some(TypeKind::Domain(old)), TypeKind::Domain(new)) =
            (self.catalog.type_by_id(ty).map(|ty| &ty.kind), with)
        else {
            return false;
        };
        let valid = |domain: &crate::catalog::Domain| {
            domain.constraints.iter().filter(|constraint| constraint.validated).count()
        };
        (new.not_null && !old.not_null) || valid(new) > valid(old)
    }

    fn has_domain_constraints(&self, column: &Column) -> bool {
        super::retype::has_constraints(self.catalog, &column.ty)
    }

    /// The partition that takes what no other one takes.
    pub(super) fn default_partition(&self, parent: Id) -> Option<Id> {
        self.catalog.children_of(parent).into_iter().find(|child| {
            let found = self.catalog.relation(*child);
            found.is_some_and(|relation| relation.partition_bound.as_deref() == Some("DEFAULT"))
        })
    }
}

fn command(node: &protobuf::Node) -> Option<&AlterTableCmd> {
    match node.node.as_ref()? {
        NodeEnum::AlterTableCmd(command) => Some(command),
        _ => None,
    }
}

/// The numbers of the columns that a statement adds to a table.
fn effect_columns(effects: &[Effect], table: Id) -> Vec<i16> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::AddColumn { relation, column } if *relation == table => Some(column.number),
            _ => None,
        })
        .collect()
}

fn added_column<'n>(node: &'n protobuf::AlterTableStmt, name: &str) -> Option<&'n protobuf::ColumnDef> {
    node.cmds.iter().filter_map(command).find_map(|command| match command.def.as_ref()?.node.as_ref()? {
        NodeEnum::ColumnDef(definition)
            if command.subtype() == Action::AtAddColumn && definition.colname == name =>
        {
            Some(definition.as_ref())
        }
        _ => None,
    })
}

fn generated_constraint(definition: &protobuf::ColumnDef) -> Option<&protobuf::Constraint> {
    definition.constraints.iter().find_map(|node| match node.node.as_ref()? {
        NodeEnum::Constraint(constraint) if constraint.contype() == ConstrType::ConstrGenerated => {
            Some(constraint.as_ref())
        }
        _ => None,
    })
}

/// The constraint of that name, or the only one, as ADD CONSTRAINT writes it.
fn written_constraint<'n>(
    node: &'n protobuf::AlterTableStmt,
    name: &str,
) -> Option<&'n protobuf::Constraint> {
    let written = node.cmds.iter().filter_map(command).filter_map(|command| {
        match command.def.as_ref()?.node.as_ref()? {
            NodeEnum::Constraint(constraint) => Some(constraint.as_ref()),
            _ => None,
        }
    });
    let all: Vec<&protobuf::Constraint> = written.collect();
    match all.as_slice() {
        [one] => Some(one),
        all => all.iter().copied().find(|constraint| constraint.conname == name),
    }
}

/// Only these can be NOT ENFORCED.
fn is_check_or_key(constraint: &protobuf::Constraint) -> bool {
    matches!(constraint.contype(), ConstrType::ConstrCheck | ConstrType::ConstrForeign)
}

fn uses_index(command: &AlterTableCmd) -> bool {
    matches!(command.def.as_ref().and_then(|def| def.node.as_ref()),
        Some(NodeEnum::Constraint(constraint)) if !constraint.indexname.is_empty())
}

/// Whether ALTER COLUMN … TYPE says a USING that does more than casting the column to the new type.
fn converts_values(command: &AlterTableCmd) -> bool {
    let Some(NodeEnum::ColumnDef(definition)) = command.def.as_ref().and_then(|def| def.node.as_ref()) else {
        return false;
    };
    let is_column = |node: Option<&NodeEnum>| match node {
        Some(NodeEnum::ColumnRef(column)) => strings(&column.fields).last() == Some(&command.name),
        _ => false,
    };
    match definition.raw_default.as_ref().and_then(|node| node.node.as_ref()) {
        None => false,
        Some(NodeEnum::TypeCast(cast)) => {
            let same_type = match (&cast.type_name, &definition.type_name) {
                (Some(cast), Some(wanted)) => strings(&cast.names) == strings(&wanted.names),
                _ => false,
            };
            !same_type || !is_column(cast.arg.as_ref().and_then(|arg| arg.node.as_ref()))
        }
        using => !is_column(using),
    }
}
