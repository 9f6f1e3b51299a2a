//! Which family a statement belongs to.

use super::context::Context;
use super::{Access, Analysis, Class, Place, Presence, Transactional};
use crate::catalog::Effect;
use crate::syntax::{NodeEnum, Tree, protobuf};

impl<'a> Context<'a> {
    /// Runs the analysis of the family that the statement belongs to.
    pub fn run(mut self) -> Analysis {
        match &self.statement.tree {
            Tree::Parsed(tree) => match tree.node() {
                Some(node) => return self.run_unpacked(&node),
                None => {
                    self.analysis.kind = "SQL";
                    self.opaque("its tree cannot be read");
                }
            },
            Tree::Opaque(reason) => {
                self.analysis.kind = "SQL";
                self.opaque(reason.clone());
            }
            // Refused by our grammar: the planner has refused the file, or the server accepts the text.
            Tree::Refused(_) => {
                self.analysis.kind = "SQL";
                self.opaque("our grammar does not know this statement");
            }
        }
        self.own_relations();
        self.analysis
    }

    /// The same with the statement's tree.
    pub(crate) fn run_unpacked(mut self, node: &NodeEnum) -> Analysis {
        self.statement_node(node);
        self.rights(node);
        self.analysis.kind = super::tag::command_tag(node);
        self.event_triggers(node);
        self.own_relations();
        self.analysis
    }

    /// What is made belongs to the role that makes it.
    pub(super) fn own_relations(&mut self) {
        let Some(role) = self.session.role() else { return };
        let makes = |effect: &Effect| {
            matches!(
                effect,
                Effect::CreateFunction { .. } | Effect::CreateType { .. } | Effect::CreateOther { .. }
            )
        };
        if role != self.catalog.current_role && self.analysis.effects.iter().any(makes) {
            self.analysis.effects.insert(0, Effect::Act { role: role.to_owned() });
        }
        for effect in &mut self.analysis.effects {
            if let Effect::CreateRelation { relation, .. } = effect
                && relation.owner.is_empty()
            {
                role.clone_into(&mut relation.owner);
            }
        }
    }

    /// Analyses a statement: the whole one, or one inside of a DO block, EXPLAIN or CREATE SCHEMA.
    pub fn statement_node(&mut self, node: &NodeEnum) {
        self.family(node);
        self.costs(node);
        self.further_locks(node);
        self.remarks(node);
        // In a body what matters is whether the statement fails, and what the server passes over does not.
        if self.nested && matches!(self.analysis.presence, Presence::Same { .. }) && passes_over(node) {
            self.analysis.presence = Presence::Absent;
        }
    }

    fn family(&mut self, node: &NodeEnum) {
        match node {
            NodeEnum::SelectStmt(select) if select.into_clause.is_some() => self.select_into(select),
            NodeEnum::SelectStmt(select) => self.select_statement(select),
            NodeEnum::CreateStmt(node) => self.create_table(node),
            NodeEnum::CreateForeignTableStmt(node) => self.create_foreign_table(node),
            NodeEnum::CreateTableAsStmt(node) => self.create_table_as(node),
            NodeEnum::AlterTableStmt(node) => self.alter_table(node),
            NodeEnum::IndexStmt(node) => self.create_index(node),
            NodeEnum::ViewStmt(node) => self.create_view(node),
            NodeEnum::RefreshMatViewStmt(node) => self.refresh(node),
            NodeEnum::CreateSeqStmt(node) => self.create_sequence(node),
            NodeEnum::AlterSeqStmt(node) => self.alter_sequence(node),
            NodeEnum::CreateSchemaStmt(node) => self.create_schema(node),
            NodeEnum::CreateEnumStmt(node) => self.create_enum(node),
            NodeEnum::AlterEnumStmt(node) => self.alter_enum(node),
            NodeEnum::CompositeTypeStmt(node) => self.create_composite(node),
            NodeEnum::CreateRangeStmt(node) => self.create_range(node),
            NodeEnum::CreateDomainStmt(node) => self.create_domain(node),
            NodeEnum::AlterDomainStmt(node) => self.alter_domain(node),
            NodeEnum::DefineStmt(node) => self.define(node),
            NodeEnum::CreateFunctionStmt(node) => self.create_function(node),
            NodeEnum::AlterFunctionStmt(node) => self.alter_function(node),
            NodeEnum::CreateTrigStmt(node) => self.create_trigger(node),
            NodeEnum::CreatePolicyStmt(node) => self.create_policy(node),
            NodeEnum::AlterPolicyStmt(node) => self.alter_policy(node),
            NodeEnum::RuleStmt(node) => self.create_rule(node),
            NodeEnum::CreateExtensionStmt(node) => self.create_extension(node),
            NodeEnum::AlterExtensionStmt(node) => self.alter_extension(node),
            NodeEnum::AlterExtensionContentsStmt(node) => self.alter_extension_contents(node),
            NodeEnum::DropStmt(node) => self.drop_objects(node),
            NodeEnum::DropRoleStmt(node) => self.drop_roles(node),
            NodeEnum::RenameStmt(node) => self.rename(node),
            NodeEnum::AlterObjectSchemaStmt(node) => self.set_schema(node),
            NodeEnum::AlterOwnerStmt(node) => self.owner(node),
            NodeEnum::AlterObjectDependsStmt(node) => self.depends_on_extension(node),
            NodeEnum::CommentStmt(node) => self.comment(node),
            NodeEnum::SecLabelStmt(node) => self.security_label(node),
            NodeEnum::GrantStmt(node) => self.grant(node),
            NodeEnum::GrantRoleStmt(node) => self.grant_role(node),
            NodeEnum::AlterDefaultPrivilegesStmt(node) => self.default_privileges(node),
            NodeEnum::CreateRoleStmt(node) => self.create_role(node),
            NodeEnum::AlterRoleStmt(node) => self.alter_role(node.role.as_ref()),
            NodeEnum::AlterRoleSetStmt(node) => self.alter_role(node.role.as_ref()),
            NodeEnum::DropOwnedStmt(node) => self.drop_owned(node),
            NodeEnum::ReassignOwnedStmt(node) => self.reassign_owned(node),
            NodeEnum::VacuumStmt(node) => self.vacuum(node),
            NodeEnum::ReindexStmt(node) => self.reindex(node),
            NodeEnum::ClusterStmt(node) => self.cluster(node),
            _ => self.statement_of_the_session(node),
        }
    }

    fn statement_of_the_session(&mut self, node: &NodeEnum) {
        match node {
            NodeEnum::VariableSetStmt(node) => self.set(node),
            NodeEnum::TransactionStmt(node) => self.transaction(node),
            NodeEnum::LockStmt(node) => self.lock_tables(node),
            NodeEnum::DiscardStmt(_) => self.discard(),
            NodeEnum::VariableShowStmt(node) => self.need_shown(&node.name),
            NodeEnum::ConstraintsSetStmt(node) => self.set_constraints(node),
            NodeEnum::ListenStmt(_)
            | NodeEnum::UnlistenStmt(_)
            | NodeEnum::NotifyStmt(_)
            | NodeEnum::CheckPointStmt(_)
            | NodeEnum::FetchStmt(_)
            | NodeEnum::ClosePortalStmt(_) => self.raise(Class::Reads),
            NodeEnum::LoadStmt(_) => self.raise(Class::Session),
            NodeEnum::AlterTableMoveAllStmt(node) => self.move_all(node),
            NodeEnum::AlterSystemStmt(_) => {
                self.raise(Class::Changes);
                self.analysis.transactional = Transactional::No;
            }
            NodeEnum::ExplainStmt(explain) => self.explain(explain),
            NodeEnum::DeclareCursorStmt(cursor) => self.declare_cursor(cursor),
            NodeEnum::PrepareStmt(node) => self.prepare(node),
            NodeEnum::ExecuteStmt(node) => self.execute(node),
            NodeEnum::DeallocateStmt(node) => self.deallocate(node),
            _ => self.data_statement(node),
        }
    }

    /// DECLARE looks at the query; what functions in it do, they do when a row is fetched, if one is.
    fn declare_cursor(&mut self, cursor: &protobuf::DeclareCursorStmt) {
        let effects = self.analysis.effects.len();
        if let Some(query) = cursor.query.as_ref().and_then(|query| query.node.as_ref()) {
            self.statement_node(query);
        }
        if self.analysis.effects.len() > effects {
            self.analysis.effects.truncate(effects);
            self.opaque("a function in the query of the cursor acts when rows are fetched");
        }
    }

    /// Data changes and procedural statements.
    fn data_statement(&mut self, node: &NodeEnum) {
        match node {
            NodeEnum::InsertStmt(_)
            | NodeEnum::UpdateStmt(_)
            | NodeEnum::DeleteStmt(_)
            | NodeEnum::MergeStmt(_)
            | NodeEnum::TruncateStmt(_)
            | NodeEnum::CopyStmt(_)
            | NodeEnum::DoStmt(_)
            | NodeEnum::CallStmt(_) => self.nested_statement(node),
            _ if self.other_object(node) => {}
            _ => self.opaque("statement of a kind that is not known"),
        }
    }

    fn select_into(&mut self, select: &protobuf::SelectStmt) {
        let mut query = select.clone();
        let into = query.into_clause.take();
        let node = protobuf::CreateTableAsStmt {
            query: Some(Box::new(protobuf::Node { node: Some(NodeEnum::SelectStmt(Box::new(query))) })),
            into,
            objtype: protobuf::ObjectType::ObjectTable as i32,
            is_select_into: true,
            if_not_exists: false,
        };
        self.create_table_as(&node);
    }

    /// Makes slots after those of the statement that this one stands in.
    pub(super) fn continue_slots(&mut self, outer: &Context<'_>) {
        self.slots = outer.slots;
    }

    /// How many slots were given out.
    pub(super) fn slots_used(&self) -> u32 {
        self.slots
    }

    /// Joins the analysis of a part into that of the whole.
    pub(super) fn take_over(&mut self, part: Analysis, slots: u32) {
        self.slots = self.slots.max(slots);
        self.raise(part.class);
        self.analysis.requires.extend(part.requires);
        self.analysis.effects.extend(part.effects);
        self.analysis.provides.extend(part.provides);
        self.analysis.footprint.extend(&part.footprint);
        self.analysis.locks.extend(part.locks);
        self.analysis.costs.extend(part.costs);
        self.analysis.remarks.extend(part.remarks);
        self.analysis.new_labels.extend(part.new_labels);
        self.analysis.constants.extend(part.constants);
        if part.transactional == Transactional::No {
            self.analysis.transactional = Transactional::No;
        }
        if let Some(reason) = part.opaque {
            self.touch(Place::Everything, Access::Write);
            self.analysis.opaque.get_or_insert(reason);
        }
    }
}

/// Whether the server goes on without an error where a statement's result is there already.
fn passes_over(node: &NodeEnum) -> bool {
    use protobuf::AlterTableType as Action;
    match node {
        NodeEnum::CreateStmt(node) => node.if_not_exists,
        NodeEnum::CreateTableAsStmt(node) => node.if_not_exists,
        NodeEnum::CreateForeignTableStmt(node) => {
            node.base_stmt.as_ref().is_some_and(|base| base.if_not_exists)
        }
        NodeEnum::IndexStmt(node) => node.if_not_exists,
        NodeEnum::CreateSeqStmt(node) => node.if_not_exists,
        NodeEnum::CreateSchemaStmt(node) => node.if_not_exists,
        NodeEnum::CreateExtensionStmt(node) => node.if_not_exists,
        NodeEnum::AlterEnumStmt(node) => node.skip_if_new_val_exists,
        NodeEnum::DropStmt(node) => node.missing_ok,
        NodeEnum::DropRoleStmt(node) => node.missing_ok,
        NodeEnum::RenameStmt(node) => node.missing_ok,
        NodeEnum::AlterObjectSchemaStmt(node) => node.missing_ok,
        NodeEnum::AlterTableStmt(node) => node.cmds.iter().all(|command| match &command.node {
            Some(NodeEnum::AlterTableCmd(command)) => match command.subtype() {
                Action::AtAddColumn | Action::AtDropColumn | Action::AtDropConstraint => {
                    command.missing_ok || node.missing_ok
                }
                Action::AtAddConstraint | Action::AtAttachPartition | Action::AtDetachPartition => false,
                Action::AtAddInherit | Action::AtDropInherit | Action::AtAddIdentity => false,
                _ => true,
            },
            _ => true,
        }),
        NodeEnum::CreateEnumStmt(_)
        | NodeEnum::CompositeTypeStmt(_)
        | NodeEnum::CreateRangeStmt(_)
        | NodeEnum::CreateDomainStmt(_)
        | NodeEnum::CreateFunctionStmt(_)
        | NodeEnum::CreateTrigStmt(_)
        | NodeEnum::CreatePolicyStmt(_)
        | NodeEnum::CreateRoleStmt(_)
        | NodeEnum::ViewStmt(_) => false,
        _ => true,
    }
}
