//! Locks on what a statement does not name: partitions and other children, views above and below, tables at the other
//! end of foreign keys, default partitions.

use super::LockMode;
use super::alter_table::lock_of;
use super::context::{Context, range_name};
use crate::catalog::{ConstraintKind, Dependent, Effect, Id, Relation, RelationChange, RelationKind};
use crate::syntax::{NodeEnum, protobuf};
use protobuf::{AlterTableCmd, AlterTableType as Action, ConstrType, ObjectType};
use std::collections::BTreeSet;

impl Context<'_> {
    /// Records the locks that follow from what a statement is and does, once its effects are known.
    pub(super) fn further_locks(&mut self, node: &NodeEnum) {
        match node {
            NodeEnum::AlterTableStmt(node) => self.children_of_altered(node),
            NodeEnum::RenameStmt(node) => self.children_of_renamed(node),
            NodeEnum::CreateTrigStmt(node) if node.row => self.same_lock_on_partitions(),
            NodeEnum::VacuumStmt(node) if !node.is_vacuumcmd => self.same_lock_on_partitions(),
            NodeEnum::LockStmt(node) => self.children_of_locked(node),
            NodeEnum::RuleStmt(node) => self.targets_of_rule(node),
            NodeEnum::SelectStmt(node) if !node.locking_clause.is_empty() => self.rows_below_views(),
            NodeEnum::CreatePublicationStmt(node) => self.published(&node.pubobjects),
            NodeEnum::AlterPublicationStmt(node) => self.published(&node.pubobjects),
            // It waits for the old users of the index and does not keep others out.
            NodeEnum::DropStmt(node) if node.concurrent => return,
            _ => {}
        }
        let effects = std::mem::take(&mut self.analysis.effects);
        for effect in &effects {
            self.locks_of_effect(effect);
        }
        self.analysis.effects = effects;
    }

    fn locks_of_effect(&mut self, effect: &Effect) {
        match effect {
            Effect::DropRelation { relation } => self.dropped(*relation, &mut BTreeSet::new()),
            Effect::DropColumn { relation, column, .. } => {
                for dependent in self.catalog.column_dependents(*relation, *column) {
                    self.gone_with_column(&dependent);
                }
            }
            Effect::DropConstraint { relation, name, .. } => {
                self.gone_with_column(&Dependent::Constraint(*relation, name.clone()));
            }
            Effect::AlterRelation { relation, change: RelationChange::RemoveParent(parent) } => {
                let found = self.catalog.relation(*relation);
                if found.is_some_and(|relation| relation.partition_bound.is_some()) {
                    self.lock_default_partition(*parent, *relation);
                }
            }
            Effect::AlterRelation { relation, change: RelationChange::AddParent(parent, Some(bound)) }
                if bound != "DEFAULT" =>
            {
                self.lock_default_partition(*parent, *relation);
            }
            Effect::CreateRelation { relation, .. }
                if relation.partition_bound.as_deref().is_some_and(|bound| bound != "DEFAULT") =>
            {
                for parent in relation.parents.clone() {
                    if let Some(default) = self.default_partition(parent) {
                        self.lock(default, LockMode::AccessExclusive);
                    }
                }
            }
            Effect::ReplaceType { ty, .. } => {
                let stricter: Vec<Id> = self.analysis.costs.iter().map(|cost| cost.relation).collect();
                for table in self.catalog.dependents_of(*ty).into_iter().filter(|id| stricter.contains(id)) {
                    self.lock(table, LockMode::Share);
                }
            }
            _ => {}
        }
    }

    /// Views above a relation, its children, and both ends of its foreign keys.
    fn dropped(&mut self, id: Id, seen: &mut BTreeSet<Id>) {
        let Some(relation) = self.catalog.relation(id).filter(|_| seen.insert(id)) else { return };
        if let RelationKind::Index(index) = &relation.kind {
            self.lock(index.table, LockMode::AccessExclusive);
        }
        self.lock(id, LockMode::AccessExclusive);
        self.other_ends(relation);
        if relation.partition_bound.is_some() {
            for parent in &relation.parents {
                if self.catalog.relation(*parent).is_some_and(|parent| parent.index().is_none()) {
                    self.lock(*parent, LockMode::AccessExclusive);
                    self.lock_default_partition(*parent, id);
                }
            }
        }
        let mut along = self.catalog.children_of(id);
        along.extend(self.catalog.dependents_of(id).into_iter().filter(|other| {
            self.catalog.relation(*other).is_some_and(|other| {
                matches!(other.kind, RelationKind::View | RelationKind::MaterializedView)
            })
        }));
        for other in along {
            self.dropped(other, seen);
        }
    }

    /// The tables that the foreign keys of a table refer to: their triggers go.
    fn other_ends(&mut self, relation: &Relation) {
        for constraint in &relation.constraints {
            if let ConstraintKind::ForeignKey(reference) = &constraint.kind {
                self.lock(reference.table, LockMode::AccessExclusive);
            }
        }
    }

    fn gone_with_column(&mut self, dependent: &Dependent) {
        match dependent {
            Dependent::Relation(id)
                if self.catalog.relation(*id).is_some_and(|found| found.index().is_none()) =>
            {
                self.dropped(*id, &mut BTreeSet::new());
            }
            Dependent::Constraint(table, name) => {
                let Some(constraint) =
                    self.catalog.relation(*table).and_then(|table| table.constraint(name)).cloned()
                else {
                    return;
                };
                match &constraint.kind {
                    ConstraintKind::ForeignKey(reference) => {
                        self.lock(*table, LockMode::AccessExclusive);
                        self.lock(reference.table, LockMode::AccessExclusive);
                    }
                    ConstraintKind::PrimaryKey | ConstraintKind::Unique => {
                        let index = constraint.index;
                        let referring = index.map(|index| self.catalog.foreign_keys_on(*table, index));
                        for (other, _) in referring.unwrap_or_default() {
                            self.lock(other, LockMode::AccessExclusive);
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn lock_default_partition(&mut self, parent: Id, but: Id) {
        if let Some(default) = self.default_partition(parent).filter(|default| *default != but) {
            self.lock(default, LockMode::AccessExclusive);
        }
    }

    fn lock_children(&mut self, id: Id, mode: LockMode) {
        for child in self.catalog.children_of(id) {
            self.lock(child, mode);
            self.lock_children(child, mode);
        }
    }

    fn children_of_altered(&mut self, node: &protobuf::AlterTableStmt) {
        let Some(range) = node.relation.as_ref().filter(|range| range.inh) else { return };
        let Some(id) = self.catalog.find_relation(&range_name(range), self.path()).yes() else { return };
        let partitioned = self.catalog.relation(id).is_some_and(|found| found.partition_key.is_some());
        for command in &node.cmds {
            let Some(NodeEnum::AlterTableCmd(command)) = &command.node else { continue };
            if let Some(mode) = self.mode_on_children(id, command, partitioned) {
                self.lock_children(id, mode);
            }
        }
    }

    /// The lock that an action of ALTER TABLE takes on partitions and other children.
    fn mode_on_children(&self, id: Id, command: &AlterTableCmd, partitioned: bool) -> Option<LockMode> {
        let all = Some(lock_of(command));
        match command.subtype() {
            Action::AtAddColumn
            | Action::AtDropColumn
            | Action::AtAlterColumnType
            | Action::AtColumnDefault
            | Action::AtSetNotNull
            | Action::AtDropNotNull
            | Action::AtSetExpression
            | Action::AtDropExpression
            | Action::AtSetStatistics
            | Action::AtSetStorage
            | Action::AtDropConstraint
            | Action::AtValidateConstraint => all,
            Action::AtEnableTrig
            | Action::AtDisableTrig
            | Action::AtEnableAlwaysTrig
            | Action::AtEnableReplicaTrig
            | Action::AtEnableTrigAll
            | Action::AtDisableTrigAll
            | Action::AtEnableTrigUser
            | Action::AtDisableTrigUser
                if partitioned =>
            {
                all
            }
            Action::AtAddConstraint => {
                let Some(NodeEnum::Constraint(constraint)) =
                    command.def.as_ref().and_then(|def| def.node.as_ref())
                else {
                    return None;
                };
                match constraint.contype() {
                    ConstrType::ConstrCheck | ConstrType::ConstrNotnull if !constraint.is_no_inherit => all,
                    ConstrType::ConstrForeign if partitioned => all,
                    // From PostgreSQL 18 NOT NULL is a constraint of each partition.
                    ConstrType::ConstrPrimary
                        if self.makes_not_null(id, constraint)
                            || (partitioned && self.catalog.server_version >= 180_000) =>
                    {
                        all
                    }
                    ConstrType::ConstrPrimary | ConstrType::ConstrUnique | ConstrType::ConstrExclusion
                        if partitioned =>
                    {
                        Some(LockMode::Share)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn makes_not_null(&self, id: Id, constraint: &protobuf::Constraint) -> bool {
        let Some(table) = self.catalog.relation(id) else { return false };
        super::context::strings(&constraint.keys)
            .iter()
            .filter_map(|key| table.column(key))
            .any(|column| !column.not_null)
    }

    fn children_of_renamed(&mut self, node: &protobuf::RenameStmt) {
        if node.rename_type() != ObjectType::ObjectColumn
            || !node.relation.as_ref().is_some_and(|range| range.inh)
        {
            return;
        }
        for effect in self.analysis.effects.clone() {
            if let Effect::RenameColumn { relation, .. } = effect {
                self.lock_children(relation, LockMode::AccessExclusive);
            }
        }
    }

    /// ANALYZE and triggers for each row go to the partitions as well.
    fn same_lock_on_partitions(&mut self) {
        for lock in self.analysis.locks.clone() {
            let Some(id) = lock.relation else { continue };
            if self.catalog.relation(id).is_some_and(|found| found.partition_key.is_some()) {
                self.lock_children(id, lock.mode);
            }
        }
    }

    /// LOCK TABLE goes to the children, and below views.
    fn children_of_locked(&mut self, node: &protobuf::LockStmt) {
        for relation in &node.relations {
            let Some(NodeEnum::RangeVar(range)) = &relation.node else { continue };
            let Some(id) = self.catalog.find_relation(&range_name(range), self.path()).yes() else {
                continue;
            };
            let Some(mode) = self.analysis.locks.iter().find(|lock| lock.relation == Some(id)) else {
                continue;
            };
            let mode = mode.mode;
            if range.inh {
                self.lock_children(id, mode);
            }
            self.lock_below_view(id, mode);
        }
    }

    fn lock_below_view(&mut self, id: Id, mode: LockMode) {
        // OR REPLACE can make views that refer to each other.
        let mut seen = BTreeSet::from([id]);
        let mut todo = vec![id];
        while let Some(id) = todo.pop() {
            let view = self.catalog.relation(id).filter(|found| found.kind == RelationKind::View);
            for other in view.into_iter().flat_map(|view| &view.depends).map(|dependency| dependency.on) {
                if self.catalog.relation(other).is_some() && seen.insert(other) {
                    self.lock(other, mode);
                    todo.push(other);
                }
            }
        }
    }

    /// FOR UPDATE of a view locks what is below it in the same way.
    fn rows_below_views(&mut self) {
        for lock in self.analysis.locks.clone().into_iter().filter(|lock| lock.mode == LockMode::RowShare) {
            if let Some(id) = lock.relation {
                self.lock_below_view(id, lock.mode);
            }
        }
    }

    fn published(&mut self, objects: &[protobuf::Node]) {
        for object in objects {
            let Some(NodeEnum::PublicationObjSpec(object)) = &object.node else { continue };
            let range = object.pubtable.as_ref().and_then(|table| table.relation.as_ref());
            let found =
                range.and_then(|range| self.catalog.find_relation(&range_name(range), self.path()).yes());
            if let Some(id) = found {
                self.lock(id, LockMode::ShareUpdateExclusive);
                if range.is_some_and(|range| range.inh) {
                    self.lock_children(id, LockMode::ShareUpdateExclusive);
                }
            }
        }
    }

    /// The commands of a rule are parsed with the locks that they would take.
    fn targets_of_rule(&mut self, node: &protobuf::RuleStmt) {
        for action in &node.actions {
            let target = match &action.node {
                Some(NodeEnum::InsertStmt(insert)) => insert.relation.as_ref(),
                Some(NodeEnum::UpdateStmt(update)) => update.relation.as_ref(),
                Some(NodeEnum::DeleteStmt(delete)) => delete.relation.as_ref(),
                _ => None,
            };
            let found =
                target.and_then(|range| self.catalog.find_relation(&range_name(range), self.path()).yes());
            if let Some(id) = found {
                self.lock(id, LockMode::RowExclusive);
            }
        }
    }
}

/// Storage parameters and view options that change how rows are read or written, and so need everybody out.
pub(super) fn option_needs_exclusive(name: &str) -> bool {
    matches!(
        name,
        "user_catalog_table"
            | "security_barrier"
            | "security_invoker"
            | "check_option"
            | "buffering"
            | "fastupdate"
            | "autosummarize"
    )
}
