//! The rights that a statement needs on what was there before the plan.
//!
//! Only what the server surely asks for, as its own code does (`aclchk.c` and the checks of each command): what
//! depends on more than the statement is left to the server. What earlier statements of the plan make belongs to
//! whoever makes it, and is not looked at.

use super::Facet;
use super::context::{Context, range_name, strings};
use crate::catalog::{ConstraintKind, Effect, Id, Name, ObjectRef, Origin, RelationChange};
use crate::syntax::{NodeEnum, protobuf};
use protobuf::{AlterTableType as Action, ObjectType, RoleSpecType};

/// A right on what is there, by its ids in the catalog that the plan starts from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Right {
    /// CREATE in the database.
    CreateInDatabase,
    /// CREATE in a schema.
    CreateInSchema(Id),
    /// CREATE in a tablespace.
    CreateInTablespace(String),
    /// To have the privileges of a relation's owner.
    OwnRelation(Id),
    /// The same, or of its schema's owner.
    DropRelation(Id),
    /// To have the privileges of a schema's owner.
    OwnSchema(Id),
    /// A privilege on a relation, or on one of its columns.
    OnRelation(Id, &'static str),
    /// To become a role: SET ROLE, OWNER TO.
    Become(String),
    /// The role attribute CREATEROLE.
    CreateRole,
    /// The role attribute CREATEDB.
    CreateDatabase,
    /// The privileges of `pg_create_subscription`.
    CreateSubscription,
    /// An extension that the server has.
    Extension(String),
}

impl Context<'_> {
    /// Records the rights that the statement needs.
    pub(super) fn rights(&mut self, node: &NodeEnum) {
        if let NodeEnum::CreateExtensionStmt(node) = node {
            self.right(Right::Extension(node.extname.clone()));
        }
        if self.catalog.superuser {
            return;
        }
        match node {
            NodeEnum::CreateStmt(node) => self.rights_of_create_table(node),
            NodeEnum::ViewStmt(node) => {
                self.create_rights();
                self.own(node.view.as_ref());
            }
            NodeEnum::CreateTableAsStmt(_)
            | NodeEnum::CreateForeignTableStmt(_)
            | NodeEnum::CreateSeqStmt(_)
            | NodeEnum::CompositeTypeStmt(_)
            | NodeEnum::CreateEnumStmt(_)
            | NodeEnum::CreateRangeStmt(_)
            | NodeEnum::CreateDomainStmt(_)
            | NodeEnum::CreateFunctionStmt(_) => self.create_rights(),
            NodeEnum::SelectStmt(select) if select.into_clause.is_some() => self.create_rights(),
            NodeEnum::IndexStmt(node) => {
                if let Some(id) = self.own(node.relation.as_ref()) {
                    self.create_beside(id);
                }
                self.tablespace(&node.table_space);
            }
            NodeEnum::AlterTableStmt(node) => self.rights_of_alter_table(node),
            NodeEnum::RenameStmt(node) => {
                let id = self.own(node.relation.as_ref());
                if let Some(id) = id.filter(|_| is_relation(node.rename_type())) {
                    self.create_beside(id);
                }
            }
            NodeEnum::AlterObjectSchemaStmt(node) if node.relation.is_some() => {
                self.own(node.relation.as_ref());
                self.create_in(&node.newschema);
            }
            NodeEnum::AlterOwnerStmt(node) if node.object_type() == ObjectType::ObjectSchema => {
                let names = node.object.as_deref().map(std::slice::from_ref).map(strings).unwrap_or_default();
                let schema = names.first().and_then(|name| self.catalog.find_schema(name).yes());
                let owner = schema.and_then(|id| self.catalog.schema(id)).map(|found| found.owner.clone());
                self.become_another(node.newowner.as_ref(), owner);
            }
            NodeEnum::DropStmt(node) => self.rights_of_drop(node),
            NodeEnum::CreateSchemaStmt(node) => {
                self.right(Right::CreateInDatabase);
                self.become_role(node.authrole.as_ref());
            }
            NodeEnum::CreatePublicationStmt(_) => self.right(Right::CreateInDatabase),
            NodeEnum::CreateSubscriptionStmt(_) => self.right(Right::CreateSubscription),
            NodeEnum::CreateRoleStmt(_) => self.right(Right::CreateRole),
            NodeEnum::CreatedbStmt(_) => self.right(Right::CreateDatabase),
            NodeEnum::CreatePolicyStmt(node) => _ = self.own(node.table.as_ref()),
            NodeEnum::AlterPolicyStmt(node) => _ = self.own(node.table.as_ref()),
            NodeEnum::RuleStmt(node) => _ = self.own(node.relation.as_ref()),
            _ => self.rights_on_rows(node),
        }
    }

    fn rights_on_rows(&mut self, node: &NodeEnum) {
        match node {
            NodeEnum::CreateTrigStmt(node) => self.on(node.relation.as_ref(), "TRIGGER"),
            NodeEnum::InsertStmt(node) => self.on(node.relation.as_ref(), "INSERT"),
            NodeEnum::UpdateStmt(node) => self.on(node.relation.as_ref(), "UPDATE"),
            NodeEnum::DeleteStmt(node) => self.on(node.relation.as_ref(), "DELETE"),
            NodeEnum::CopyStmt(node) if node.is_from => self.on(node.relation.as_ref(), "INSERT"),
            NodeEnum::TruncateStmt(node) => {
                for relation in &node.relations {
                    if let Some(NodeEnum::RangeVar(range)) = &relation.node {
                        self.on(Some(range), "TRUNCATE");
                    }
                }
            }
            _ => {}
        }
    }

    fn rights_of_create_table(&mut self, node: &protobuf::CreateStmt) {
        self.create_rights();
        self.tablespace(&node.tablespacename);
        let mut parents = Vec::new();
        for effect in &self.analysis.effects {
            if let Effect::CreateRelation { relation, .. } = effect {
                parents.extend(relation.parents.iter().copied());
            }
        }
        parents.into_iter().for_each(|parent| self.live(parent, Right::OwnRelation));
        self.references();
    }

    fn rights_of_alter_table(&mut self, node: &protobuf::AlterTableStmt) {
        let altered = self.own(node.relation.as_ref());
        for command in &node.cmds {
            let Some(NodeEnum::AlterTableCmd(command)) = &command.node else { continue };
            match command.subtype() {
                Action::AtChangeOwner => {
                    let owner =
                        altered.and_then(|id| self.catalog.relation(id)).map(|found| found.owner.clone());
                    self.become_another(command.newowner.as_ref(), owner);
                }
                Action::AtSetTableSpace => self.tablespace(&command.name),
                _ => {}
            }
        }
        let mut attached = Vec::new();
        for effect in &self.analysis.effects {
            if let Effect::AlterRelation { relation, change: RelationChange::AddParent(parent, _) } = effect {
                attached.extend([*relation, *parent]);
            }
        }
        attached.into_iter().for_each(|relation| self.live(relation, Right::OwnRelation));
        self.references();
    }

    fn rights_of_drop(&mut self, node: &protobuf::DropStmt) {
        for object in &node.objects {
            match (node.remove_type(), &object.node) {
                (ObjectType::ObjectSchema, _) => {
                    for name in strings(std::slice::from_ref(object)) {
                        if let Some(id) = self.live_schema(&name) {
                            self.right(Right::OwnSchema(id));
                        }
                    }
                }
                (kind, Some(NodeEnum::List(list))) if is_relation(kind) => {
                    let name = Name::from_parts(&strings(&list.items));
                    if let Some(id) = self.catalog.find_relation(&name, self.path()).yes() {
                        self.live(id, Right::DropRelation);
                    }
                }
                _ => {}
            }
        }
    }

    /// CREATE in the schemas of what is made.
    fn create_rights(&mut self) {
        for facet in self.analysis.provides.clone() {
            if let Facet::Exists(
                ObjectRef::Relation { name } | ObjectRef::Type { name } | ObjectRef::Function { name, .. },
            ) = facet
            {
                self.create_in(&name.schema);
            }
        }
    }

    fn create_in(&mut self, schema: &str) {
        if let Some(id) = self.live_schema(schema) {
            self.right(Right::CreateInSchema(id));
        }
    }

    fn create_beside(&mut self, relation: Id) {
        let schema = self.catalog.relation(relation).map(|relation| relation.schema);
        if let Some(name) = schema.map(|schema| self.catalog.schema_name(schema).to_owned()) {
            self.create_in(&name);
        }
    }

    /// REFERENCES on the tables that new foreign keys refer to.
    fn references(&mut self) {
        let mut referenced = Vec::new();
        for effect in &self.analysis.effects {
            if let Effect::AddConstraint { constraint, .. } = effect
                && let ConstraintKind::ForeignKey(reference) = &constraint.kind
            {
                referenced.push(reference.table);
            }
        }
        referenced.into_iter().for_each(|table| self.live(table, |id| Right::OnRelation(id, "REFERENCES")));
    }

    fn own(&mut self, range: Option<&protobuf::RangeVar>) -> Option<Id> {
        let id = self.catalog.find_relation(&range_name(range?), self.path()).yes()?;
        self.live(id, Right::OwnRelation);
        Some(id)
    }

    fn on(&mut self, range: Option<&protobuf::RangeVar>, privilege: &'static str) {
        let found = range.and_then(|range| self.catalog.find_relation(&range_name(range), self.path()).yes());
        if let Some(id) = found {
            self.live(id, |id| Right::OnRelation(id, privilege));
        }
    }

    fn tablespace(&mut self, name: &str) {
        if !name.is_empty() {
            self.right(Right::CreateInTablespace(name.to_owned()));
        }
    }

    fn become_role(&mut self, role: Option<&protobuf::RoleSpec>) {
        if let Some(role) = role.filter(|role| role.roletype() == RoleSpecType::RolespecCstring) {
            self.right(Right::Become(role.rolename.clone()));
        }
    }

    /// OWNER TO the owner that is there already asks for nothing.
    fn become_another(&mut self, role: Option<&protobuf::RoleSpec>, owner: Option<String>) {
        if role.is_some_and(|role| owner.is_none_or(|owner| owner != role.rolename)) {
            self.become_role(role);
        }
    }

    fn live_schema(&self, name: &str) -> Option<Id> {
        let id = self.catalog.find_schema(name).yes()?;
        self.catalog.schema(id).filter(|schema| schema.origin == Origin::Live).map(|_| id)
    }

    fn live(&mut self, id: Id, right: impl FnOnce(Id) -> Right) {
        if self.catalog.relation(id).is_some_and(|relation| relation.origin == Origin::Live) {
            self.right(right(id));
        }
    }

    fn right(&mut self, right: Right) {
        if !self.analysis.rights.contains(&right) {
            self.analysis.rights.push(right);
        }
    }
}

fn is_relation(kind: ObjectType) -> bool {
    matches!(
        kind,
        ObjectType::ObjectTable
            | ObjectType::ObjectView
            | ObjectType::ObjectMatview
            | ObjectType::ObjectIndex
            | ObjectType::ObjectSequence
            | ObjectType::ObjectForeignTable
    )
}
