//! The actions of ALTER TABLE on constraints.

use super::alter_table::Part;
use super::context::{Context, strings};
use super::sameness::{Sameness, expressions};
use super::table_shape::{Pending, Shape};
use super::{Access, Place, Presence};
use crate::catalog::{
    Constraint, ConstraintChange, ConstraintKind, Effect, Id, ObjectRef, Origin, QName, Relation,
};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, protobuf};
use protobuf::{AlterTableCmd, ConstrType};

impl<'a> Context<'a> {
    pub(super) fn add_constraint(&mut self, shape: &mut Shape<'a>, command: &AlterTableCmd) -> Part {
        let Some(NodeEnum::Constraint(node)) = command.def.as_ref().and_then(|def| def.node.as_ref()) else {
            return Part::run(Vec::new());
        };
        let before = shape.relation.clone();
        let shown = self.analysis.provides.len();
        shape.pending.push(Pending { node: (**node).clone(), column: None });
        self.make_constraints(shape);
        let effects = std::mem::take(&mut shape.effects);
        let made = shape.relation.constraints.get(before.constraints.len()).cloned();
        let Some(made) = made else { return Part::run(effects) };
        let there = if !node.indexname.is_empty() {
            before.constraint(&made.name)
        } else if node.conname.is_empty() {
            // Twice in one set is twice, as in PostgreSQL; what was there before counts.
            let live = before.constraints.iter().filter(|old| old.origin == Origin::Live);
            live.into_iter().find(|old| is_same(&made, old) == Some(true))
        } else {
            before.constraint(&node.conname)
        };
        let second_key = before
            .constraints
            .iter()
            .find(|old| old.kind == ConstraintKind::PrimaryKey && made.kind == ConstraintKind::PrimaryKey);
        let Some(old) = there.or(second_key) else { return Part::run(effects) };
        let part = self.constraint_is_there(shape, &before, &made, old);
        if part.presence == Presence::Absent {
            return Part::run(effects);
        }
        // Nothing is made; what would have been made is there under the name that is there.
        if let Some(name) = Some(&old.name).filter(|name| **name != made.name) {
            let relation = shape.name.clone();
            self.analysis.provides.truncate(shown);
            self.provide(ObjectRef::Constraint { relation, name: name.clone() });
        }
        shape.relation = before;
        part
    }

    fn constraint_is_there(
        &self,
        shape: &Shape<'a>,
        before: &Relation,
        made: &Constraint,
        old: &Constraint,
    ) -> Part {
        let object = ObjectRef::Constraint { relation: shape.name.clone(), name: old.name.clone() };
        let tolerated = self.lenient_constraint();
        let presence = match is_same(made, old) {
            Some(true) => Presence::Same { reason: format!("{object} is there already") },
            Some(false) => Presence::Different {
                object,
                expected: self.describe_constraint(&shape.relation, made),
                actual: self.describe_constraint(before, old),
                tolerated,
            },
            None => Presence::Unknown { object, tolerated },
        };
        Part { presence, effects: Vec::new() }
    }

    /// Whether the statement says ADD CONSTRAINT IF NOT EXISTS.
    fn lenient_constraint(&self) -> bool {
        self.statement.lenient == Some(crate::syntax::LenientForm::AddConstraintIfNotExists)
    }

    /// Writes a constraint for people.
    pub(super) fn describe_constraint(&self, table: &Relation, constraint: &Constraint) -> String {
        if let Some(definition) = &constraint.definition {
            return definition.clone();
        }
        let columns = table.names(&constraint.columns).join(", ");
        match &constraint.kind {
            ConstraintKind::PrimaryKey => format!("PRIMARY KEY ({columns})"),
            ConstraintKind::Unique => format!("UNIQUE ({columns})"),
            ConstraintKind::Check(expression) => format!("CHECK ({})", expression.text),
            ConstraintKind::Exclude => format!("EXCLUDE ({columns})"),
            ConstraintKind::NotNull => format!("NOT NULL {columns}"),
            ConstraintKind::ForeignKey(reference) => {
                let parent = self.catalog.relation_name(reference.table);
                let names = match self.catalog.relation(reference.table) {
                    Some(parent) => parent.names(&reference.columns).join(", "),
                    None => String::new(),
                };
                let mut text = format!("FOREIGN KEY ({columns}) REFERENCES {parent} ({names})");
                for (event, action) in [("UPDATE", reference.on_update), ("DELETE", reference.on_delete)] {
                    text.push_str(&match action {
                        'r' => format!(" ON {event} RESTRICT"),
                        'c' => format!(" ON {event} CASCADE"),
                        'n' => format!(" ON {event} SET NULL"),
                        'd' => format!(" ON {event} SET DEFAULT"),
                        _ => String::new(),
                    });
                }
                text
            }
        }
    }

    pub(super) fn drop_constraint(&mut self, shape: &mut Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        let name = command.name.clone();
        let object = ObjectRef::Constraint { relation: shape.name.clone(), name: name.clone() };
        self.touch(Place::Object(object.clone()), Access::Write);
        self.touch(Place::Rules(shape.name.clone()), Access::Write);
        let Some(constraint) = shape.relation.constraint(&name).cloned() else {
            // From PostgreSQL 18 NOT NULL is a constraint of its own, which the model may not list.
            let hidden = self.catalog.server_version >= 180_000 && name.contains("not_null");
            if hidden || self.catalog.clouded.is_some() {
                return Part::run(Vec::new());
            }
            return Part::done(format!("{object} is gone already"));
        };
        if let Some(index) = constraint.index
            && !matches!(constraint.kind, ConstraintKind::ForeignKey(_))
        {
            self.touch(Place::Relation(self.catalog.relation_name(index)), Access::Write);
        }
        if command.behavior() != protobuf::DropBehavior::DropCascade
            && let Some(index) = constraint.index.filter(|_| constraint.is_key())
            && let Some((table, _)) = self.catalog.foreign_keys_on(id, index).pop()
        {
            let message = format!("a foreign key of `{}` needs {object}", self.catalog.relation_name(table));
            self.refuse(Code::DN215, self.statement.span, message);
        }
        if matches!(constraint.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique)
            && command.behavior() == protobuf::DropBehavior::DropCascade
        {
            for (table, name) in
                constraint.index.map(|index| self.catalog.foreign_keys_on(id, index)).unwrap_or_default()
            {
                self.touch_dependent(&crate::catalog::Dependent::Constraint(table, name));
            }
        }
        shape.relation.constraints.retain(|constraint| constraint.name != name);
        Part::run(vec![Effect::DropConstraint { relation: id, name, only: shape.only }])
    }

    pub(super) fn need_constraint(&mut self, shape: &Shape<'a>, name: &str) -> Option<Constraint> {
        let found = shape.relation.constraint(name).cloned();
        let hidden = self.catalog.server_version >= 180_000 && name.contains("not_null");
        let object = ObjectRef::Constraint { relation: shape.name.clone(), name: name.to_owned() };
        self.need_attached(object, found.is_some() || hidden, "constraint");
        found
    }

    /// ALTER CONSTRAINT: when it is checked, and from PostgreSQL 18 on whether it is.
    pub(super) fn alter_constraint(&mut self, shape: &Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        let Some(NodeEnum::AtalterConstraint(alter)) = command.def.as_ref().and_then(|def| def.node.as_ref())
        else {
            return Part::run(Vec::new());
        };
        self.need_constraint(shape, &alter.conname);
        let mut changes = Vec::new();
        if alter.alter_deferrability {
            changes.push(ConstraintChange::Timing(alter.deferrable, alter.initdeferred));
        }
        if alter.alter_enforceability {
            changes.push(ConstraintChange::Enforced(alter.is_enforced));
        }
        if alter.alter_inheritability {
            changes.push(ConstraintChange::NoInherit(alter.noinherit));
        }
        let name = &alter.conname;
        let effect = |change| Effect::AlterConstraint { relation: id, name: name.clone(), change };
        Part::run(changes.into_iter().map(effect).collect())
    }

    pub(super) fn validate_constraint(
        &mut self,
        shape: &mut Shape<'a>,
        id: Id,
        command: &AlterTableCmd,
    ) -> Part {
        let found = self.need_constraint(shape, &command.name);
        self.touch(Place::Rows(shape.name.clone()), Access::Read);
        let relation = shape.name.clone();
        let object = ObjectRef::Constraint { relation, name: command.name.clone() };
        self.touch(Place::Object(object.clone()), Access::Write);
        let Some(found) = found else { return Part::run(Vec::new()) };
        if let ConstraintKind::ForeignKey(reference) = &found.kind {
            self.lock(reference.table, super::LockMode::RowShare);
            self.touch(Place::Rows(self.catalog.relation_name(reference.table)), Access::Read);
        }
        let effect = Effect::ValidateConstraint { relation: id, name: command.name.clone() };
        Part::unless(found.validated, || format!("{object} is validated already"), effect)
    }

    /// What ADD CONSTRAINT would make on a table that is not there.
    pub(super) fn unplaced_constraint(&mut self, table: &QName, node: &protobuf::Constraint) {
        self.touch(Place::Rules(table.clone()), Access::Write);
        if !node.conname.is_empty() {
            let object = ObjectRef::Constraint { relation: table.clone(), name: node.conname.clone() };
            self.provide(object);
        }
        let primary = node.contype() == ConstrType::ConstrPrimary;
        if primary || node.contype() == ConstrType::ConstrUnique {
            self.provide_key(table, &strings(&node.keys), primary);
        }
    }
}

/// Whether two constraints of one table say the same; none where that cannot be said.
pub(super) fn is_same(new: &Constraint, old: &Constraint) -> Option<bool> {
    let sorted = |columns: &[i16]| {
        let mut columns = columns.to_vec();
        columns.sort_unstable();
        columns
    };
    match (&new.kind, &old.kind) {
        (ConstraintKind::PrimaryKey, ConstraintKind::PrimaryKey)
        | (ConstraintKind::Unique, ConstraintKind::Unique) => {
            Some(new.columns == old.columns && new.deferrable == old.deferrable)
        }
        (ConstraintKind::ForeignKey(a), ConstraintKind::ForeignKey(b)) => Some(
            new.columns == old.columns
                && a.table == b.table
                && a.columns == b.columns
                && a.on_delete == b.on_delete
                && a.on_update == b.on_update,
        ),
        (ConstraintKind::Check(a), ConstraintKind::Check(b)) => match expressions(&a.text, &b.text) {
            Sameness::Same => Some(true),
            Sameness::Different => Some(false),
            Sameness::Unknown => (sorted(&new.columns) != sorted(&old.columns)).then_some(false),
        },
        (ConstraintKind::NotNull, ConstraintKind::NotNull) => Some(new.columns == old.columns),
        (ConstraintKind::Exclude, ConstraintKind::Exclude) => None,
        _ => Some(false),
    }
}
