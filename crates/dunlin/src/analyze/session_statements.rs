//! SET, RESET, SHOW and what else is about the session.

use super::context::{Context, range_name, string};
use super::transaction::{isolation, isolation_in};
use super::{Class, LockMode, SessionChange, TransactionStatement, Verdict};
use crate::catalog::Relation;
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, deparse_statement, protobuf};
use protobuf::VariableSetKind as Kind;

impl Context<'_> {
    /// Analyses SET and RESET.
    pub(super) fn set(&mut self, node: &protobuf::VariableSetStmt) {
        self.raise(Class::Session);
        let name = node.name.to_lowercase();
        match node.kind() {
            // SET TRANSACTION and SET SESSION CHARACTERISTICS.
            Kind::VarSetMulti => self.set_transaction(node),
            Kind::VarResetAll => self.analysis.session.push(SessionChange::ResetAll),
            Kind::VarSetDefault | Kind::VarReset => self.change(name, None, node),
            Kind::VarSetCurrent => {}
            _ => {
                let values: Vec<String> = node.args.iter().filter_map(setting_text).collect();
                // What SET TRANSACTION sets, under its own name.
                if name.starts_with("transaction_") && name != "transaction_timeout" {
                    let level = values.first().filter(|_| name == "transaction_isolation");
                    let level = level.and_then(|level| isolation(level));
                    self.analysis.transaction = Some(TransactionStatement::Set(level));
                    return;
                }
                // A role that is made later in the set: the server decides.
                self.change(name, Some(values), node);
            }
        }
    }

    /// SHOW needs the setting.
    pub(super) fn need_shown(&mut self, name: &str) {
        self.raise(Class::Reads);
        self.need_setting(name, self.statement.span);
    }

    fn change(&mut self, name: String, values: Option<Vec<String>>, node: &protobuf::VariableSetStmt) {
        // SET TIME ZONE, SET NAMES, SET ROLE: the tree has the setting's own name.
        let values = match (name.as_str(), values) {
            ("role", Some(values)) if values.first().is_some_and(|role| role == "none") => None,
            (_, values) => values,
        };
        // Anybody may set what has a dot in its name; whether to go on without a setting is the server's to say.
        if !name.contains('.') {
            let outer = std::mem::replace(&mut self.unsure, true);
            self.need_setting(&name, self.statement.span);
            self.unsure = outer;
        }
        let sql = deparse_statement(&NodeEnum::VariableSetStmt(node.clone()))
            .unwrap_or_else(|| self.statement.sql.to_string());
        self.analysis.session.push(SessionChange::Set { name, values, local: node.is_local, sql });
    }

    fn set_transaction(&mut self, node: &protobuf::VariableSetStmt) {
        if node.name == "SESSION CHARACTERISTICS" {
            for option in &node.args {
                let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
                let name = format!("default_{}", option.defname);
                let value = option.arg.as_deref().and_then(setting_text).into_iter().collect();
                let sql = self.statement.sql.to_string();
                self.analysis.session.push(SessionChange::Set {
                    name,
                    values: Some(value),
                    local: false,
                    sql,
                });
            }
        } else if node.name == "TRANSACTION" {
            self.analysis.transaction = Some(TransactionStatement::Set(isolation_in(&node.args)));
        }
    }

    /// Analyses SET CONSTRAINTS: those that are named must be there.
    pub(super) fn set_constraints(&mut self, node: &protobuf::ConstraintsSetStmt) {
        self.raise(Class::Reads);
        for constraint in &node.constraints {
            let Some(NodeEnum::RangeVar(range)) = &constraint.node else { continue };
            let name = &range.relname;
            let has = |relation: &Relation| {
                relation.constraint(name).is_some()
                    || relation.triggers.iter().any(|trigger| trigger.name == *name)
            };
            let there = self.catalog.relations().any(|(_, relation)| has(relation));
            if !there && !self.catalog.system_objects {
                let message = format!("constraint `{name}` does not exist");
                let span = self.span(range.location);
                self.require(Vec::new(), span, Verdict::Invalid, Code::DN208, message, Vec::new());
            }
        }
    }

    /// Analyses LOCK TABLE.
    pub(super) fn lock_tables(&mut self, node: &protobuf::LockStmt) {
        self.raise(Class::Reads);
        let mode = match node.mode {
            1 => LockMode::AccessShare,
            2 => LockMode::RowShare,
            3 => LockMode::RowExclusive,
            4 => LockMode::ShareUpdateExclusive,
            5 => LockMode::Share,
            6 => LockMode::ShareRowExclusive,
            7 => LockMode::Exclusive,
            _ => LockMode::AccessExclusive,
        };
        for relation in &node.relations {
            let Some(NodeEnum::RangeVar(range)) = &relation.node else { continue };
            if let Some(id) = self.need_relation(&range_name(range), self.span(range.location), "table") {
                self.lock(id, mode);
            }
        }
    }

    /// Analyses DISCARD: it would take away what the runner itself set.
    pub(super) fn discard(&mut self) {
        self.raise(Class::Transaction);
        self.analysis.transaction =
            Some(TransactionStatement::Refused("DISCARD would end the runner's own session state"));
    }
}

/// The value of a setting as text.
pub(super) fn setting_text(node: &protobuf::Node) -> Option<String> {
    use protobuf::a_const::Val;
    match node.node.as_ref()? {
        NodeEnum::AConst(constant) => match constant.val.as_ref()? {
            Val::Ival(value) => Some(value.ival.to_string()),
            Val::Fval(value) => Some(value.fval.clone()),
            Val::Boolval(value) => Some(value.boolval.to_string()),
            Val::Sval(value) => Some(value.sval.clone()),
            Val::Bsval(value) => Some(value.bsval.clone()),
        },
        NodeEnum::TypeCast(cast) => setting_text(cast.arg.as_deref()?),
        _ => string(node),
    }
}
