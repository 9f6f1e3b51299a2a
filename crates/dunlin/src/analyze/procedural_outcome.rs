//! What a statement of a body leaves behind: for those after it, and for the statement that the body stands in.

use super::procedural::Runner;
use super::query::strength;
use super::{Analysis, Class, DataChange, Presence, SessionChange, Verdict};
use crate::catalog::{DetailValue, Effect, Origin};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, protobuf};

impl Runner<'_, '_> {
    /// What a statement sets is in force for those after it.
    fn set(&mut self, mut changes: Vec<SessionChange>) {
        if changes.is_empty() {
            return;
        }
        if self.unsure {
            self.path_unknown |= changes.iter().any(changes_path);
            for change in &mut changes {
                if let SessionChange::Set { local, .. } = change {
                    // Nothing that is written after the block counts on it.
                    *local = true;
                }
            }
        } else {
            let session = self.session.get_or_insert_with(|| self.ctx.session.clone());
            changes.iter().for_each(|change| session.apply(change));
        }
        let stays = |change: &SessionChange| !self.own_path || !changes_path(change);
        self.ctx.analysis.session.extend(changes.into_iter().filter(stays));
    }

    /// Takes over what a nested statement needs and does.
    pub(super) fn take(&mut self, analysis: Analysis, node: &NodeEnum) -> bool {
        let own = &mut self.ctx.analysis;
        own.footprint.extend(&analysis.footprint);
        own.constants.extend(analysis.constants);
        for lock in analysis.locks {
            match own.locks.iter_mut().find(|own| own.object == lock.object) {
                Some(own) => own.mode = own.mode.max(lock.mode),
                None => own.locks.push(lock),
            }
        }
        own.costs.extend(analysis.costs);
        own.remarks.extend(analysis.remarks);
        let beside = |effect: &Effect| {
            matches!(effect, Effect::FillRows { .. } | Effect::SetDetail { .. } | Effect::Act { .. })
        };
        let makes = analysis.effects.iter().any(|effect| !beside(effect));
        if !self.late || self.applies && makes {
            own.requires.extend(analysis.requires);
        }
        if let Some(reason) = analysis.opaque {
            self.ctx.opaque(reason);
            return false;
        }
        let there = analysis.presence != Presence::Absent;
        if there && (makes || strength(analysis.class) >= strength(Class::Adds)) {
            // Without IF NOT EXISTS it fails; with it, it does nothing.
            self.ctx.raise(analysis.class);
            let fails = !self.unsure && fails_when_there(node);
            if fails && (!self.late || self.applies) && !self.catches_duplicates {
                let (span, what) = (self.ctx.statement.span, analysis.kind);
                let message = format!("{what} in the block makes what is there already");
                self.ctx.require(Vec::new(), span, Verdict::Unknown, Code::DN213, message, Vec::new());
            }
            return fails;
        }
        if analysis.transaction.is_some() {
            self.ctx.analysis.transaction = analysis.transaction;
        }
        let perhaps = self.unsure || self.path_unknown || self.late && !self.applies;
        if makes && perhaps {
            self.ctx.opaque("changes of the schema that depend on a condition that is not known here");
            return false;
        }
        self.ctx.raise(analysis.class);
        self.set(analysis.session);
        let own = &mut self.ctx.analysis;
        if let Some(data) = analysis.data {
            match &mut own.data {
                Some(own) => own.repeatable &= data.repeatable,
                None => own.data = Some(DataChange { positional: None, ..data }),
            }
        }
        own.new_labels.extend(analysis.new_labels);
        own.provides.extend(analysis.provides);
        if !analysis.effects.is_empty() {
            let mut effects = analysis.effects;
            if perhaps {
                effects.iter_mut().for_each(unsure_detail);
            }
            if !effects.iter().all(|effect| matches!(effect, Effect::FillRows { .. })) {
                self.catalog.to_mut().apply(&effects, Origin::Live);
            }
            own.effects.extend(effects);
        }
        false
    }
}

/// Whether names may be found elsewhere after a change.
pub(super) fn changes_path(change: &SessionChange) -> bool {
    match change {
        SessionChange::Set { name, .. } => {
            matches!(name.as_str(), "search_path" | "role" | "session_authorization")
        }
        SessionChange::ResetAll => true,
        SessionChange::Prepare { .. } | SessionChange::Deallocate { .. } => false,
    }
}

/// What is perhaps set is not known.
fn unsure_detail(effect: &mut Effect) {
    if let Effect::SetDetail { value, .. } = effect {
        *value = DetailValue::Unknown;
    }
}

/// Whether a statement raises a `duplicate_…` error when what it makes is there: it has no IF NOT EXISTS.
fn fails_when_there(node: &NodeEnum) -> bool {
    match node {
        NodeEnum::CreateStmt(node) => !node.if_not_exists,
        NodeEnum::CreateTableAsStmt(node) => !node.if_not_exists,
        NodeEnum::CreateSeqStmt(node) => !node.if_not_exists,
        NodeEnum::CreateSchemaStmt(node) => !node.if_not_exists,
        NodeEnum::CreateExtensionStmt(node) => !node.if_not_exists,
        NodeEnum::IndexStmt(node) => !node.if_not_exists,
        NodeEnum::ViewStmt(node) => !node.replace,
        NodeEnum::CreateFunctionStmt(node) => !node.replace,
        NodeEnum::CreateTrigStmt(node) => !node.replace,
        NodeEnum::RuleStmt(node) => !node.replace,
        NodeEnum::AlterEnumStmt(node) => !node.skip_if_new_val_exists,
        NodeEnum::CreateEnumStmt(_)
        | NodeEnum::CompositeTypeStmt(_)
        | NodeEnum::CreateRangeStmt(_)
        | NodeEnum::CreateDomainStmt(_)
        | NodeEnum::CreatePolicyStmt(_)
        | NodeEnum::CreateRoleStmt(_) => true,
        NodeEnum::AlterTableStmt(node) => node.cmds.iter().any(|command| match command.node.as_ref() {
            Some(NodeEnum::AlterTableCmd(command)) => {
                let adds = matches!(
                    command.subtype(),
                    protobuf::AlterTableType::AtAddColumn | protobuf::AlterTableType::AtAddConstraint
                );
                adds && !command.missing_ok
            }
            _ => false,
        }),
        _ => false,
    }
}
