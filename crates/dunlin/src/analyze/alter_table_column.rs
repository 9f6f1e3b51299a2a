//! The actions of ALTER TABLE on columns.

use super::alter_table::Part;
use super::context::{Context, strings};
use super::table_presence::differ;
use super::table_shape::{Shape, with_column};
use super::{Access, Facet, Place, Presence};
use crate::catalog::TypeRef;
use crate::catalog::{
    Catalog, Column, ColumnChange, ColumnNumber, ConstraintKind, Dependency, Dependent, Effect, Expr, Id,
    Identity, ObjectRef, RelationKind,
};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, protobuf};
use protobuf::{AlterTableCmd, AlterTableType as Action};

impl<'a> Context<'a> {
    pub(super) fn add_column(&mut self, shape: &mut Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        let Some(NodeEnum::ColumnDef(definition)) = command.def.as_ref().and_then(|def| def.node.as_ref())
        else {
            return Part::run(Vec::new());
        };
        let name = definition.colname.clone();
        self.touch(Place::Column(shape.name.clone(), name.clone()), Access::Write);
        if let Some(existing) = shape.relation.column(&name).cloned() {
            return self.column_is_there(shape, definition, &existing, command.missing_ok);
        }
        self.need_column_name(&name, definition.location);
        if !shape.relation.columns_known {
            self.provide(ObjectRef::column(&shape.name, &name));
            return Part::run(vec![Effect::Opaque(format!("columns of {} are not known", shape.name))]);
        }
        self.define_column(shape, definition);
        let mut effects = std::mem::take(&mut shape.effects);
        self.make_constraints(shape);
        if let Some(column) = shape.relation.column(&name) {
            effects.insert(0, Effect::AddColumn { relation: id, column: Box::new(column.clone()) });
        }
        effects.append(&mut shape.effects);
        Part::run(effects)
    }

    /// A column of that name is there: the same, or in conflict. Later migrations may have changed its
    /// default and nullability, so only its type counts.
    fn column_is_there(
        &mut self,
        shape: &Shape<'a>,
        definition: &protobuf::ColumnDef,
        existing: &Column,
        tolerated: bool,
    ) -> Part {
        let outer = std::mem::take(&mut self.depends);
        let ty = definition.type_name.as_ref().map(|node| self.need_type(node));
        self.depends = outer;
        self.provide(ObjectRef::column(&shape.name, &existing.name));
        let object = ObjectRef::column(&shape.name, &existing.name);
        let presence = match ty {
            Some(ty) if differ(&ty, &existing.ty) => Presence::Different {
                object,
                expected: ty.to_string(),
                actual: existing.ty.to_string(),
                tolerated,
            },
            _ => Presence::Same { reason: format!("column `{object}` is there already") },
        };
        Part { presence, effects: Vec::new() }
    }

    pub(super) fn drop_column(&mut self, shape: &mut Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        let name = command.name.as_str();
        let object = ObjectRef::column(&shape.name, name);
        self.touch(Place::Column(shape.name.clone(), name.to_owned()), Access::Write);
        let Some(number) = shape.relation.column(name).map(|column| column.number) else {
            if shape.relation.columns_known && self.catalog.clouded.is_none() {
                return Part::done(format!("column `{object}` is gone already"));
            }
            return Part::run(Vec::new());
        };
        self.touch(Place::Values(shape.name.clone(), name.to_owned()), Access::Write);
        for dependent in self.catalog.column_dependents(id, number) {
            self.touch_dependent(&dependent);
        }
        self.need_free_column(shape, id, number, command);
        shape.relation.columns.retain(|column| column.number != number);
        shape.relation.constraints.retain(|constraint| !constraint.columns.contains(&number));
        Part::run(vec![Effect::DropColumn { relation: id, column: number, only: shape.only }])
    }

    /// Without CASCADE nothing may need the column; a partition key's column never goes.
    fn need_free_column(&mut self, shape: &Shape<'a>, id: Id, number: ColumnNumber, command: &AlterTableCmd) {
        let Some(relation) = self.catalog.relation(id) else { return };
        let object = ObjectRef::column(&self.catalog.relation_name(id), &command.name);
        let span = self.statement.span;
        if relation.partition_columns.contains(&number) {
            self.refuse(Code::DN216, span, format!("column `{object}` is in the partition key"));
        }
        if command.behavior() != protobuf::DropBehavior::DropCascade
            && self.catalog.column_blocker(id, number).is_some()
            && let Some(blocker) = shape.after_drops(self.catalog).column_blocker(id, number)
        {
            let blocker = self.phrase_dependent(&blocker);
            self.refuse(Code::DN215, span, format!("{blocker} needs column `{object}`"));
        } else if command.behavior() != protobuf::DropBehavior::DropCascade
            && let Some(blocker) = self.catalog.other_needing(id, number)
        {
            let blocker = self.catalog.phrase_of(blocker);
            self.refuse(Code::DN215, span, format!("{blocker} needs column `{object}`"));
        }
    }

    fn phrase_dependent(&self, dependent: &Dependent) -> String {
        let on = |kind: &str, id: &Id, name: &str| {
            format!("{kind} `{name}` of `{}`", self.catalog.relation_name(*id))
        };
        match dependent {
            Dependent::Relation(id) | Dependent::Function(id) => self.catalog.phrase_of(*id),
            Dependent::Column(id, number) => {
                let name = self.catalog.relation(*id).and_then(|found| found.names(&[*number]).pop());
                on("column", id, &name.unwrap_or_default())
            }
            Dependent::Constraint(id, name) => on("constraint", id, name),
            Dependent::Trigger(id, name) => on("trigger", id, name),
            Dependent::Policy(id, name) => on("policy", id, name),
            Dependent::Rule(id, name) => on("rule", id, name),
        }
    }

    /// What goes with a column or relation is written as well.
    pub(super) fn touch_dependent(&mut self, dependent: &Dependent) {
        let place = match dependent {
            Dependent::Relation(id) => {
                let Some(relation) = self.catalog.relation(*id) else { return };
                let name = self.catalog.relation_name(*id);
                if let Some(table) = relation.index().map(|index| index.table) {
                    self.touch(Place::Rules(self.catalog.relation_name(table)), Access::Write);
                }
                Place::Relation(name)
            }
            Dependent::Column(id, number) => {
                let Some(relation) = self.catalog.relation(*id) else { return };
                let Some(name) = relation.names(&[*number]).pop() else { return };
                Place::Column(self.catalog.relation_name(*id), name)
            }
            Dependent::Function(id) => Place::Object(ObjectRef::Function {
                name: self.catalog.function_name(*id),
                arguments: self.catalog.function(*id).map(crate::catalog::Function::signature),
            }),
            Dependent::Constraint(id, name) => {
                let (relation, name) = (self.catalog.relation_name(*id), name.clone());
                self.touch(Place::Rules(relation.clone()), Access::Write);
                Place::Object(ObjectRef::Constraint { relation, name })
            }
            Dependent::Trigger(id, name) => {
                let (relation, name) = (self.catalog.relation_name(*id), name.clone());
                Place::Object(ObjectRef::Trigger { relation, name })
            }
            Dependent::Policy(id, name) => {
                let (relation, name) = (self.catalog.relation_name(*id), name.clone());
                Place::Object(ObjectRef::Policy { relation, name })
            }
            Dependent::Rule(id, name) => {
                let (relation, name) = (self.catalog.relation_name(*id), name.clone());
                Place::Object(ObjectRef::Rule { relation, name })
            }
        };
        self.touch(place, Access::Write);
    }

    /// Finds the column that an action is on, and says that its definition changes.
    fn changed_column(&mut self, shape: &Shape<'a>, command: &AlterTableCmd) -> Option<Column> {
        let location = match command.def.as_ref().and_then(|def| def.node.as_ref()) {
            Some(NodeEnum::ColumnDef(definition)) => definition.location,
            _ => -1,
        };
        self.touch(Place::Column(shape.name.clone(), command.name.clone()), Access::Write);
        self.need_own_column(shape, &command.name, location)?;
        shape.relation.column(&command.name).cloned()
    }

    pub(super) fn alter_column_type(
        &mut self,
        shape: &mut Shape<'a>,
        id: Id,
        command: &AlterTableCmd,
    ) -> Part {
        let Some(NodeEnum::ColumnDef(definition)) = command.def.as_ref().and_then(|def| def.node.as_ref())
        else {
            return Part::run(Vec::new());
        };
        let outer = std::mem::take(&mut self.depends);
        let ty = definition.type_name.as_ref().map(|node| self.need_type(node));
        if let Some(using) = definition.raw_default.as_deref() {
            // It sees the row as it was before the statement.
            let old = self.catalog.relation(id).unwrap_or(&shape.relation);
            let source = super::query::Source::of(shape.name.clone(), Some(id), old);
            self.expression(using, &[source]);
        }
        self.depends = outer;
        let column = self.changed_column(shape, command);
        self.touch(Place::Values(shape.name.clone(), command.name.clone()), Access::Write);
        let (Some(column), Some(ty)) = (column, ty) else { return Part::run(Vec::new()) };
        self.need_type_changeable(shape, id, column.number, &command.name);
        let known = !ty.is_unknown() && !column.ty.is_unknown();
        let plain = definition.raw_default.as_deref().is_none_or(is_cast_of_a_column);
        let same = known && plain && !differ(&ty, &column.ty) && definition.coll_clause.is_none();
        let collation = definition.coll_clause.as_ref().map(|clause| self.collation(&clause.collname));
        with_column(shape, &command.name, |column| {
            column.ty.clone_from(&ty);
            column.collation.clone_from(&collation);
        });
        let object = ObjectRef::column(&shape.name, &command.name);
        if same {
            return Part::done(format!("column `{object}` is {ty} already"));
        }
        let change = ColumnChange::Type(ty, collation);
        let (column, only) = (column.number, shape.only);
        let mut effects = self.parts_made_again(shape, column);
        effects.push(Effect::AlterColumn { relation: id, column, change, only });
        Part::run(effects)
    }

    /// What is made of a column's type keeps it: views, rules, policies, triggers, generated columns.
    fn need_type_changeable(&mut self, shape: &Shape<'a>, id: Id, number: ColumnNumber, name: &str) {
        let keeps = |dependent: &Dependent| match dependent {
            Dependent::Relation(other) => {
                self.catalog.relation(*other).is_some_and(|found| found.index().is_none())
            }
            Dependent::Column(..) | Dependent::Trigger(..) | Dependent::Policy(..) | Dependent::Rule(..) => {
                true
            }
            Dependent::Constraint(..) | Dependent::Function(_) => false,
        };
        let keeper = |catalog: &Catalog| catalog.column_dependents(id, number).into_iter().find(keeps);
        if keeper(self.catalog).is_some()
            && let Some(found) = keeper(&shape.after_drops(self.catalog))
        {
            let object = ObjectRef::column(&self.catalog.relation_name(id), name);
            let message = format!("{} uses column `{object}`", self.phrase_dependent(&found));
            self.refuse(Code::DN215, self.statement.span, message);
        }
    }

    pub(super) fn column_default(&mut self, shape: &mut Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        let column = self.changed_column(shape, command);
        let (default, depends) = match command.def.as_deref() {
            Some(node) => {
                let ty = column.as_ref().map_or_else(TypeRef::unknown, |column| column.ty.clone());
                self.default_expression(node, &ty)
            }
            None => (None, Vec::new()),
        };
        let Some(column) = column else { return Part::run(Vec::new()) };
        let same = match (&default, &column.default) {
            (None, None) => true,
            (Some(new), Some(old)) => same_default(new, old, &column),
            _ => false,
        };
        with_column(shape, &command.name, |column| column.default.clone_from(&default));
        let object = ObjectRef::column(&shape.name, &command.name);
        Part::unless(
            same,
            || match &default {
                Some(default) => format!("column `{object}` has the default {} already", default.text),
                None => format!("column `{object}` has no default any more"),
            },
            Effect::AlterColumn {
                relation: id,
                column: column.number,
                change: ColumnChange::Default(default.clone(), depends),
                only: shape.only,
            },
        )
    }

    pub(super) fn column_not_null(&mut self, shape: &mut Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        let not_null = command.subtype() == Action::AtSetNotNull;
        if !not_null {
            let (relation, column) = (shape.name.clone(), command.name.clone());
            self.analysis.provides.push(Facet::Nullable { relation, column });
        } else {
            self.touch(Place::Values(shape.name.clone(), command.name.clone()), Access::Read);
        }
        let Some(column) = self.changed_column(shape, command) else { return Part::run(Vec::new()) };
        with_column(shape, &command.name, |column| column.not_null = not_null);
        let object = ObjectRef::column(&shape.name, &command.name);
        let not_valid = shape.relation.constraints.iter().find(|constraint| {
            constraint.kind == ConstraintKind::NotNull
                && constraint.columns == [column.number]
                && !constraint.validated
        });
        let effect = match not_valid.filter(|_| not_null) {
            Some(constraint) => Effect::ValidateConstraint { relation: id, name: constraint.name.clone() },
            None => {
                let change = ColumnChange::NotNull(not_null);
                Effect::AlterColumn { relation: id, column: column.number, change, only: shape.only }
            }
        };
        Part::unless(
            column.not_null == not_null && not_valid.is_none(),
            || format!("column `{object}` is {} already", if not_null { "NOT NULL" } else { "nullable" }),
            effect,
        )
    }

    pub(super) fn column_identity(&mut self, shape: &mut Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        let Some(column) = self.changed_column(shape, command) else { return Part::run(Vec::new()) };
        let object = ObjectRef::column(&shape.name, &command.name);
        // Only the identity of a partitioned table goes down to its partitions.
        let only =
            shape.relation.kind != RelationKind::PartitionedTable || self.catalog.server_version < 170_000;
        let change = |number: ColumnNumber, identity| Effect::AlterColumn {
            relation: id,
            column: number,
            change: ColumnChange::Identity(identity),
            only,
        };
        if command.subtype() == Action::AtDropIdentity {
            return Part::unless(
                column.identity.is_none(),
                || format!("column `{object}` is no identity column any more"),
                change(column.number, None),
            );
        }
        let wanted = wanted_identity(command).or(column.identity).unwrap_or(Identity::ByDefault);
        if column.identity == Some(wanted) {
            // SET START, SET INCREMENT and so on change the sequence only.
            let only_identity =
                command.subtype() == Action::AtAddIdentity || wanted_identity(command).is_some();
            return match only_identity {
                true => Part::done(format!("column `{object}` is such an identity column already")),
                false => Part::run(Vec::new()),
            };
        }
        let mut effects = vec![change(column.number, Some(wanted))];
        if command.subtype() == Action::AtAddIdentity {
            if let Some(node) = command.def.as_deref() {
                self.column_constraints(shape, &command.name, std::slice::from_ref(node));
                effects.append(&mut shape.effects);
            }
            let change = ColumnChange::NotNull(true);
            effects.push(Effect::AlterColumn { relation: id, column: column.number, change, only });
        }
        Part::run(effects)
    }

    pub(super) fn column_expression(
        &mut self,
        shape: &mut Shape<'a>,
        id: Id,
        command: &AlterTableCmd,
    ) -> Part {
        let column = self.changed_column(shape, command);
        let mut depends = Vec::new();
        let expression = command.def.as_deref().map(|node| {
            let outer = std::mem::take(&mut self.depends);
            let used = self.expression(node, &[shape.source()]);
            depends = std::mem::replace(&mut self.depends, outer);
            depends.extend(used.into_iter().map(|number| Dependency { on: id, column: Some(number) }));
            Expr::new(crate::syntax::deparse_expression(node).unwrap_or_else(|| "?".into()))
        });
        let Some(column) = column else { return Part::run(Vec::new()) };
        let object = ObjectRef::column(&shape.name, &command.name);
        Part::unless(
            expression.is_none() && column.generated.is_none(),
            || format!("column `{object}` is not generated any more"),
            Effect::AlterColumn {
                relation: id,
                column: column.number,
                change: ColumnChange::Generated(expression.clone(), depends),
                only: shape.only,
            },
        )
    }
}

/// Whether two defaults of a column are surely the same.
fn same_default(new: &Expr, old: &Expr, column: &Column) -> bool {
    super::sameness::defaults(&new.text, &old.text, &column.ty) == super::sameness::Sameness::Same
}

/// `USING column::type`, which leaves values of that type as they are.
fn is_cast_of_a_column(node: &protobuf::Node) -> bool {
    let inner = match &node.node {
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref(),
        _ => Some(node),
    };
    matches!(inner.and_then(|node| node.node.as_ref()), Some(NodeEnum::ColumnRef(_)))
}

/// GENERATED ALWAYS or BY DEFAULT, in ADD GENERATED and SET GENERATED.
fn wanted_identity(command: &AlterTableCmd) -> Option<Identity> {
    let when = match command.def.as_ref()?.node.as_ref()? {
        NodeEnum::Constraint(constraint) => constraint.generated_when.clone(),
        NodeEnum::List(list) => list.items.iter().find_map(|item| match &item.node {
            Some(NodeEnum::DefElem(option)) if option.defname == "generated" => {
                match option.arg.as_ref()?.node.as_ref()? {
                    NodeEnum::Integer(code) => {
                        Some(if code.ival == i32::from(b'a') { "a".to_owned() } else { "d".to_owned() })
                    }
                    _ => strings(std::slice::from_ref(option.arg.as_ref()?)).pop(),
                }
            }
            _ => None,
        })?,
        _ => return None,
    };
    Some(if when == "a" { Identity::Always } else { Identity::ByDefault })
}
