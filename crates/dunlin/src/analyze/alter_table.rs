//! ALTER TABLE (and INDEX, VIEW, SEQUENCE, TYPE where the tree is the same): one part per action.

use super::alter_table_pass::{Pass, pass_of};
use super::alter_table_text::without;
use super::context::{Context, range_name, string};
use super::table_shape::Shape;
use super::{Access, Class, LockMode, Place, Presence, Transactional};
use crate::catalog::{Effect, Id, Name, ObjectRef, RelationChange};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, TreeKind, protobuf};
use protobuf::{AlterTableCmd, AlterTableType as Action, ConstrType};

/// What one action does, and whether that is done already.
pub(super) struct Part {
    /// Whether its result is there.
    pub(super) presence: Presence,
    /// What it changes, when it is not.
    pub(super) effects: Vec<Effect>,
}

impl Part {
    /// An action with work to do.
    pub(super) fn run(effects: Vec<Effect>) -> Part {
        Part { presence: Presence::Absent, effects }
    }

    /// An action whose result is there.
    pub(super) fn done(reason: String) -> Part {
        Part { presence: Presence::Same { reason }, effects: Vec::new() }
    }

    /// Done if `done`, else to run.
    pub(super) fn unless(done: bool, reason: impl FnOnce() -> String, effect: Effect) -> Part {
        if done { Part::done(reason()) } else { Part::run(vec![effect]) }
    }
}

impl<'a> Context<'a> {
    /// Analyses ALTER TABLE.
    pub(super) fn alter_table(&mut self, node: &protobuf::AlterTableStmt) {
        let commands: Vec<&AlterTableCmd> = node.cmds.iter().filter_map(command).collect();
        for command in &commands {
            self.raise(class_of(command));
        }
        let Some(range) = &node.relation else { return };
        let name = range_name(range);
        if node.missing_ok && self.catalog.find_relation(&name, self.path()).is_no() {
            for candidate in self.catalog.candidates(&name, self.path()) {
                self.touch(Place::Relation(candidate), Access::Read);
            }
            self.analysis.presence = Presence::Same { reason: format!("there is no `{name}`") };
            return;
        }
        let noun = noun_of(node.objtype());
        let Some(id) = self.need_relation(&name, self.span(range.location), noun) else {
            self.unplaced_actions(&name, &commands);
            return;
        };
        let slot = self.slot();
        let Some(mut shape) = Shape::existing(self.catalog, id, slot) else { return };
        // A typed table has no ONLY: what is changed in its type is changed in it.
        shape.only = !range.inh && node.objtype() != protobuf::ObjectType::ObjectType;
        for command in &commands {
            self.lock(id, lock_of(command));
        }
        if commands.iter().any(|command| command.behavior() != protobuf::DropBehavior::DropCascade) {
            self.need_no_typed_table(node.objtype(), id);
        }
        let mut order: Vec<usize> = (0..commands.len()).collect();
        order.sort_by_key(|at| pass_of(commands[*at]));
        let mut parts: Vec<Option<Part>> = commands.iter().map(|_| None).collect();
        for at in order {
            let part = self.action(&mut shape, id, commands[at]);
            if pass_of(commands[at]) == Pass::Drop {
                shape.chooser.free_dropped(&part.effects);
                shape.dropped.extend(part.effects.iter().cloned());
            }
            parts[at] = Some(part);
        }
        let parts: Vec<Part> = parts.into_iter().flatten().collect();
        self.join_parts(parts, range.location, &commands);
    }

    /// The attributes of a type are the columns of its tables: without CASCADE they stay.
    fn need_no_typed_table(&mut self, kind: protobuf::ObjectType, id: Id) {
        if kind != protobuf::ObjectType::ObjectType {
            return;
        }
        let ty = self.catalog.type_at(&self.catalog.relation_name(id)).map(|(ty, _)| ty);
        let typed =
            |relation: &crate::catalog::Relation| relation.of_type.is_some() && relation.of_type == ty;
        let table = self.catalog.relations().find(|(_, relation)| typed(relation)).map(|(id, _)| id);
        if let Some(table) = table {
            let message = format!("{} is of the type", self.catalog.phrase_of(table));
            self.refuse(Code::DN215, self.statement.span, message);
        }
    }

    /// Makes one analysis of the actions: satisfied if all are, else the text with those that are left.
    fn join_parts(&mut self, parts: Vec<Part>, location: i32, commands: &[&AlterTableCmd]) {
        let mut done = Vec::new();
        let mut reasons = Vec::new();
        let mut clash = None;
        for (at, part) in parts.iter().enumerate() {
            match &part.presence {
                Presence::Absent => {}
                Presence::Same { reason } => {
                    done.push(at);
                    reasons.push(reason.clone());
                }
                Presence::Different { tolerated: true, .. } | Presence::Unknown { tolerated: true, .. } => {
                    done.push(at);
                    clash.get_or_insert_with(|| part.presence.clone());
                }
                Presence::Different { .. } | Presence::Unknown { .. } => {
                    if !matches!(clash, Some(Presence::Different { tolerated: false, .. })) {
                        clash = Some(part.presence.clone());
                    }
                }
            }
        }
        let all_done = done.len() == parts.len() && !parts.is_empty();
        if !done.is_empty() && !all_done {
            self.analysis.rewrite = self.only_actions_left(location, commands.len(), &done);
        }
        match clash {
            // What the server passes over does not keep the other actions from running.
            Some(Presence::Different { tolerated: true, .. } | Presence::Unknown { tolerated: true, .. })
                if !all_done => {}
            Some(clash) => self.analysis.presence = clash,
            None if all_done => self.analysis.presence = Presence::Same { reason: reasons.join("; ") },
            None => {}
        }
        // Effects in the order in which PostgreSQL works: its passes, not the order of the text.
        let mut parts: Vec<(Pass, Part)> =
            parts.into_iter().enumerate().map(|(at, part)| (pass_of(commands[at]), part)).collect();
        parts.sort_by_key(|(pass, _)| *pass);
        self.analysis.effects.extend(parts.into_iter().flat_map(|(_, part)| part.effects));
    }

    fn only_actions_left(&self, location: i32, actions: usize, done: &[usize]) -> Option<String> {
        // Inside a DO block the text is not this statement's own.
        if !self.statement.tree.is(TreeKind::AlterTable) {
            return None;
        }
        without(&self.statement.sql, self.statement.place(location)?, actions, done)
    }

    /// What the actions would make on a table that is not there.
    fn unplaced_actions(&mut self, name: &Name, commands: &[&AlterTableCmd]) {
        let table = self.catalog.created_as(name, self.path());
        for command in commands {
            match (command.subtype(), command.def.as_ref().and_then(|def| def.node.as_ref())) {
                (Action::AtAddColumn, Some(NodeEnum::ColumnDef(column))) => {
                    let object = ObjectRef::column(&table, &column.colname);
                    self.touch(Place::Column(table.clone(), column.colname.clone()), Access::Write);
                    self.provide(object);
                }
                (Action::AtAddConstraint, Some(NodeEnum::Constraint(constraint))) => {
                    self.unplaced_constraint(&table, constraint);
                }
                (Action::AtDropNotNull, _) => {
                    let column = command.name.clone();
                    let relation = table.clone();
                    self.analysis.provides.push(super::Facet::Nullable { relation, column });
                    self.touch(Place::Column(table.clone(), command.name.clone()), Access::Write);
                }
                _ => self.touch(Place::Relation(table.clone()), Access::Write),
            }
        }
    }

    fn action(&mut self, shape: &mut Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        match command.subtype() {
            Action::AtAddColumn | Action::AtAddColumnToView => self.add_column(shape, id, command),
            Action::AtDropColumn => self.drop_column(shape, id, command),
            Action::AtAlterColumnType => self.alter_column_type(shape, id, command),
            Action::AtColumnDefault => self.column_default(shape, id, command),
            Action::AtSetNotNull | Action::AtDropNotNull => self.column_not_null(shape, id, command),
            Action::AtAddIdentity | Action::AtSetIdentity | Action::AtDropIdentity => {
                self.column_identity(shape, id, command)
            }
            Action::AtSetExpression | Action::AtDropExpression => self.column_expression(shape, id, command),
            Action::AtSetStatistics
            | Action::AtSetOptions
            | Action::AtResetOptions
            | Action::AtSetStorage
            | Action::AtSetCompression
            | Action::AtAlterColumnGenericOptions => {
                let keys = shape.relation.index().map(|index| index.keys.len() + index.include.len());
                let number = usize::try_from(command.num).unwrap_or(0);
                if keys.is_some_and(|keys| number > keys) {
                    let object = &shape.name;
                    let message = format!("index `{object}` has no column {number}");
                    self.refuse(Code::DN216, self.statement.span, message);
                }
                if !command.name.is_empty() {
                    self.need_own_column(shape, &command.name, -1);
                    self.touch(Place::Column(shape.name.clone(), command.name.clone()), Access::Write);
                }
                self.column_detail(shape, id, command)
            }
            Action::AtAddConstraint => self.add_constraint(shape, command),
            Action::AtDropConstraint => self.drop_constraint(shape, id, command),
            Action::AtValidateConstraint => self.validate_constraint(shape, id, command),
            Action::AtAlterConstraint => self.alter_constraint(shape, id, command),
            _ => self.table_action(shape, id, command),
        }
    }

    /// Actions on the table as a whole.
    fn table_action(&mut self, shape: &mut Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        let name = shape.name.clone();
        let change = |change| Effect::AlterRelation { relation: id, change };
        match command.subtype() {
            Action::AtChangeOwner => {
                let owner = command.newowner.as_ref().and_then(|role| self.need_role(role));
                let Some(owner) = owner else { return Part::run(Vec::new()) };
                let same = shape.relation.owner == owner;
                Part::unless(
                    same,
                    || format!("`{name}` belongs to `{owner}` already"),
                    change(RelationChange::Owner(owner.clone())),
                )
            }
            Action::AtEnableRowSecurity | Action::AtDisableRowSecurity => {
                self.touch(Place::Rules(name.clone()), Access::Write);
                let on = command.subtype() == Action::AtEnableRowSecurity;
                Part::unless(
                    shape.relation.row_security.0 == on,
                    || format!("row security of `{name}` is {} already", if on { "on" } else { "off" }),
                    change(RelationChange::RowSecurity(Some(on), None)),
                )
            }
            Action::AtForceRowSecurity | Action::AtNoForceRowSecurity => {
                self.touch(Place::Rules(name.clone()), Access::Write);
                let on = command.subtype() == Action::AtForceRowSecurity;
                Part::unless(
                    shape.relation.row_security.1 == on,
                    || format!("row security of `{name}` is {}forced already", if on { "" } else { "not " }),
                    change(RelationChange::RowSecurity(None, Some(on))),
                )
            }
            Action::AtSetLogged | Action::AtSetUnLogged => {
                let wanted = if command.subtype() == Action::AtSetLogged { 'p' } else { 'u' };
                Part::unless(
                    shape.relation.persistence == wanted,
                    || format!("`{name}` is {} already", if wanted == 'p' { "logged" } else { "unlogged" }),
                    change(RelationChange::Persistence(wanted)),
                )
            }
            Action::AtAddOf => {
                let Some(NodeEnum::TypeName(ty)) = command.def.as_ref().and_then(|def| def.node.as_ref())
                else {
                    return Part::run(Vec::new());
                };
                let outer = std::mem::take(&mut self.depends);
                let ty = self.need_type(ty);
                self.depends = outer;
                Part::run(vec![change(RelationChange::OfType(ty.id))])
            }
            Action::AtDropOf => Part::run(vec![change(RelationChange::OfType(None))]),
            Action::AtAddInherit | Action::AtDropInherit => self.inheritance(shape, id, command),
            Action::AtAttachPartition | Action::AtDetachPartition | Action::AtDetachPartitionFinalize => {
                self.partition(shape, id, command)
            }
            Action::AtSetRelOptions | Action::AtResetRelOptions | Action::AtReplaceRelOptions => {
                Part::run(vec![change(RelationChange::Options(options_after(shape, command)))])
            }
            Action::AtClusterOn | Action::AtDropCluster | Action::AtReplicaIdentity => {
                self.index_mark(shape, id, command)
            }
            Action::AtSetTableSpace | Action::AtSetAccessMethod => self.place_of_rows(shape, id, command),
            _ => self.switched(shape, id, command),
        }
    }

    /// Requires a trigger, rule, policy or constraint of a relation that exists.
    pub(super) fn need_attached(&mut self, object: ObjectRef, there: bool, noun: &str) {
        let verdict = if there { super::Verdict::Valid } else { super::Verdict::Invalid };
        self.touch(Place::Object(object.clone()), Access::Read);
        let (relation, name) = match &object {
            ObjectRef::Trigger { relation, name }
            | ObjectRef::Rule { relation, name }
            | ObjectRef::Policy { relation, name }
            | ObjectRef::Constraint { relation, name } => (relation.clone(), name.clone()),
            _ => return,
        };
        let message = format!("`{relation}` has no {noun} `{name}`");
        let any_of = vec![super::Facet::Exists(object)];
        let span = self.statement.span;
        self.require(any_of, span, verdict, crate::diagnostic::Code::DN208, message, Vec::new());
    }

    pub(super) fn need_index_of(&mut self, shape: &Shape<'a>, name: &str) -> Option<Id> {
        let name = Name { schema: Some(shape.name.schema.clone()), name: name.to_owned() };
        self.need_relation(&name, self.statement.span, "index")
    }

    fn inheritance(&mut self, shape: &mut Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        let Some(NodeEnum::RangeVar(range)) = command.def.as_ref().and_then(|def| def.node.as_ref()) else {
            return Part::run(Vec::new());
        };
        let Some(parent) = self.need_relation(&range_name(range), self.span(range.location), "table") else {
            return Part::run(Vec::new());
        };
        let adds = command.subtype() == Action::AtAddInherit;
        self.lock(parent, if adds { LockMode::ShareUpdateExclusive } else { LockMode::AccessShare });
        let name = shape.name.clone();
        let is_child = shape.relation.parents.contains(&parent);
        if command.subtype() == Action::AtAddInherit {
            self.need_no_circle(id, parent);
        }
        if command.subtype() == Action::AtAddInherit {
            let change = RelationChange::AddParent(parent, None);
            let effect = Effect::AlterRelation { relation: id, change };
            return Part::unless(is_child, || format!("`{name}` inherits already"), effect);
        }
        let effect = Effect::AlterRelation { relation: id, change: RelationChange::RemoveParent(parent) };
        Part::unless(!is_child, || format!("`{name}` does not inherit any more"), effect)
    }

    fn partition(&mut self, shape: &mut Shape<'a>, id: Id, command: &AlterTableCmd) -> Part {
        let Some(NodeEnum::PartitionCmd(partition)) = command.def.as_ref().and_then(|def| def.node.as_ref())
        else {
            return Part::run(Vec::new());
        };
        let Some(range) = &partition.name else { return Part::run(Vec::new()) };
        if partition.concurrent {
            self.analysis.transactional = Transactional::No;
        }
        let noun = if shape.relation.index().is_some() { "index" } else { "table" };
        let Some(child) = self.need_relation(&range_name(range), self.span(range.location), noun) else {
            return Part::run(Vec::new());
        };
        self.lock(child, LockMode::AccessExclusive);
        let name = self.catalog.relation_name(child);
        self.touch(Place::Rules(shape.name.clone()), Access::Write);
        self.touch(Place::Rules(name.clone()), Access::Write);
        self.touch(Place::Rows(name.clone()), Access::Read);
        let is_child = self.catalog.relation(child).is_some_and(|relation| relation.parents.contains(&id));
        if command.subtype() == Action::AtAttachPartition {
            let bound = partition.bound.as_ref().map(super::table::bound_text);
            self.need_no_circle(child, id);
            // An index that is attached already still completes the one above it.
            let complete = shape.relation.index().is_none_or(|index| index.valid);
            if is_child && complete {
                return Part::done(format!("`{name}` is a partition already"));
            }
            return Part::run(self.attached(shape, id, child, bound));
        }
        let effect = Effect::AlterRelation { relation: child, change: RelationChange::RemoveParent(id) };
        let gone = !is_child && command.subtype() != Action::AtDetachPartitionFinalize;
        let mut part = Part::unless(gone, || format!("`{name}` is no partition any more"), effect);
        if partition.concurrent && is_child {
            part.effects.extend(self.left_by_detaching(shape, child));
        }
        part
    }
}

impl<'a> Context<'a> {
    /// A table inherits neither from itself nor from its descendants.
    fn need_no_circle(&mut self, child: Id, parent: Id) {
        let mut above = vec![parent];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(id) = above.pop() {
            if id == child {
                let name = self.catalog.relation_name(child);
                let message = format!("`{name}` would inherit from itself");
                self.refuse(Code::DN216, self.statement.span, message);
                return;
            }
            if seen.insert(id) {
                above.extend(self.catalog.relation(id).into_iter().flat_map(|found| found.parents.clone()));
            }
        }
    }

    /// What a partition, or the index of one, gets when it is attached.
    fn attached(&mut self, shape: &Shape<'a>, id: Id, child: Id, bound: Option<String>) -> Vec<Effect> {
        let change = RelationChange::AddParent(id, bound);
        let mut effects = vec![Effect::AlterRelation { relation: child, change }];
        let slot = self.slot();
        let Some(mut part) = Shape::existing(self.catalog, child, slot) else { return effects };
        if let (Some(whole), Some(index)) = (shape.relation.index(), part.relation.index()) {
            let carried = |table: Id, index: Id| {
                let all = &self.catalog.relation(table)?.constraints;
                all.iter().find(|c| c.index == Some(index) && c.is_key()).map(|c| c.name.clone())
            };
            if let (Some(parent), Some(name)) = (carried(whole.table, id), carried(index.table, child)) {
                effects.push(Effect::AttachConstraint { relation: index.table, name, parent });
            }
            return effects;
        }
        self.parts_of_partition(&mut part, id, &shape.relation);
        effects.append(&mut part.effects);
        effects
    }
}

fn command(node: &protobuf::Node) -> Option<&AlterTableCmd> {
    match node.node.as_ref()? {
        NodeEnum::AlterTableCmd(command) => Some(command),
        _ => None,
    }
}

fn noun_of(objtype: protobuf::ObjectType) -> &'static str {
    match objtype {
        protobuf::ObjectType::ObjectIndex => "index",
        protobuf::ObjectType::ObjectSequence => "sequence",
        protobuf::ObjectType::ObjectView => "view",
        protobuf::ObjectType::ObjectMatview => "materialized view",
        protobuf::ObjectType::ObjectForeignTable => "foreign table",
        protobuf::ObjectType::ObjectType => "type",
        _ => "table",
    }
}

/// The storage parameters after SET or RESET.
fn options_after(shape: &Shape<'_>, command: &AlterTableCmd) -> Vec<String> {
    let mut options = shape.relation.options.clone();
    let Some(NodeEnum::List(list)) = command.def.as_ref().and_then(|def| def.node.as_ref()) else {
        return options;
    };
    if command.subtype() == Action::AtReplaceRelOptions {
        options.clear();
    }
    for item in &list.items {
        let Some(NodeEnum::DefElem(option)) = &item.node else { continue };
        if option.defnamespace.is_empty() {
            options.retain(|old| old.split('=').next() != Some(option.defname.as_str()));
        }
    }
    if command.subtype() != Action::AtResetRelOptions {
        options.extend(options_of(&list.items));
    }
    options.sort();
    options
}

/// Storage parameters as the server stores them; those of the TOAST table are not the table's.
pub(super) fn options_of(items: &[protobuf::Node]) -> Vec<String> {
    let mut options = Vec::new();
    for item in items {
        let Some(NodeEnum::DefElem(option)) = &item.node else { continue };
        // WITH OIDS is not stored.
        if option.defnamespace.is_empty() && option.defname != "oids" {
            let value = option.arg.as_deref().and_then(option_text).unwrap_or_else(|| "true".into());
            options.push(format!("{}={value}", option.defname));
        }
    }
    options.sort();
    options
}

/// The value of an option as the server stores it.
pub(super) fn option_text(node: &protobuf::Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::Integer(value) => Some(value.ival.to_string()),
        NodeEnum::Float(value) => Some(value.fval.clone()),
        NodeEnum::Boolean(value) => Some(value.boolval.to_string()),
        NodeEnum::TypeName(ty) => super::context::strings(&ty.names).pop(),
        _ => string(node),
    }
}

fn class_of(command: &AlterTableCmd) -> Class {
    match command.subtype() {
        Action::AtAddColumn
        | Action::AtAddColumnToView
        | Action::AtDropNotNull
        | Action::AtSetNotNull
        | Action::AtAddConstraint
        | Action::AtValidateConstraint
        | Action::AtSetStatistics
        | Action::AtSetOptions
        | Action::AtResetOptions
        | Action::AtSetStorage
        | Action::AtSetCompression
        | Action::AtSetRelOptions
        | Action::AtEnableRowSecurity
        | Action::AtForceRowSecurity
        | Action::AtAddIdentity
        | Action::AtAddInherit
        | Action::AtAttachPartition
        | Action::AtClusterOn
        | Action::AtReplicaIdentity
        | Action::AtEnableTrig
        | Action::AtEnableAlwaysTrig
        | Action::AtEnableReplicaTrig => Class::Adds,
        Action::AtColumnDefault if command.def.is_some() => Class::Adds,
        _ => Class::Changes,
    }
}

/// The lock that an action takes on its table (PostgreSQL manual, ALTER TABLE).
pub(super) fn lock_of(command: &AlterTableCmd) -> LockMode {
    match command.subtype() {
        Action::AtSetRelOptions | Action::AtResetRelOptions if options_need_exclusive(command) => {
            LockMode::AccessExclusive
        }
        Action::AtValidateConstraint
        | Action::AtSetStatistics
        | Action::AtSetOptions
        | Action::AtResetOptions
        | Action::AtClusterOn
        | Action::AtDropCluster
        | Action::AtSetRelOptions
        | Action::AtResetRelOptions
        | Action::AtAttachPartition => LockMode::ShareUpdateExclusive,
        Action::AtDetachPartition => match command.def.as_ref().and_then(|def| def.node.as_ref()) {
            Some(NodeEnum::PartitionCmd(partition)) if partition.concurrent => LockMode::ShareUpdateExclusive,
            _ => LockMode::AccessExclusive,
        },
        Action::AtEnableTrig
        | Action::AtEnableAlwaysTrig
        | Action::AtEnableReplicaTrig
        | Action::AtDisableTrig
        | Action::AtEnableTrigAll
        | Action::AtDisableTrigAll
        | Action::AtEnableTrigUser
        | Action::AtDisableTrigUser => LockMode::ShareRowExclusive,
        Action::AtAddConstraint => match command.def.as_ref().and_then(|def| def.node.as_ref()) {
            Some(NodeEnum::Constraint(constraint)) if constraint.contype() == ConstrType::ConstrForeign => {
                LockMode::ShareRowExclusive
            }
            _ => LockMode::AccessExclusive,
        },
        _ => LockMode::AccessExclusive,
    }
}

fn options_need_exclusive(command: &AlterTableCmd) -> bool {
    match command.def.as_ref().and_then(|def| def.node.as_ref()) {
        Some(NodeEnum::List(list)) => list.items.iter().any(|item| match &item.node {
            Some(NodeEnum::DefElem(option)) => super::lock::option_needs_exclusive(&option.defname),
            _ => false,
        }),
        _ => false,
    }
}
