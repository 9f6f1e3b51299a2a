//! The order in which PostgreSQL works through the actions of ALTER TABLE.

use crate::syntax::{NodeEnum, protobuf};
use protobuf::{AlterTableCmd, AlterTableType as Action, ConstrType};

/// The passes in which PostgreSQL works through the actions (`AlterTablePass`), and so do the effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pass {
    Drop,
    Type,
    AddColumn,
    Expression,
    ColumnAttributes,
    IndexConstraint,
    OtherConstraint,
    Other,
}

/// The pass in which an action is worked through.
pub(super) fn pass_of(command: &AlterTableCmd) -> Pass {
    match command.subtype() {
        Action::AtDropColumn
        | Action::AtDropConstraint
        | Action::AtDropNotNull
        | Action::AtDropExpression
        | Action::AtDropIdentity => Pass::Drop,
        Action::AtColumnDefault if command.def.is_none() => Pass::Drop,
        Action::AtAlterColumnType => Pass::Type,
        Action::AtAddColumn | Action::AtAddColumnToView => Pass::AddColumn,
        Action::AtSetExpression => Pass::Expression,
        Action::AtSetNotNull => Pass::ColumnAttributes,
        Action::AtAddConstraint => match command.def.as_ref().and_then(|def| def.node.as_ref()) {
            Some(NodeEnum::Constraint(constraint)) if is_key(constraint.contype()) => Pass::IndexConstraint,
            _ => Pass::OtherConstraint,
        },
        Action::AtColumnDefault | Action::AtAddIdentity => Pass::OtherConstraint,
        _ => Pass::Other,
    }
}

fn is_key(kind: ConstrType) -> bool {
    matches!(kind, ConstrType::ConstrPrimary | ConstrType::ConstrUnique | ConstrType::ConstrExclusion)
}
