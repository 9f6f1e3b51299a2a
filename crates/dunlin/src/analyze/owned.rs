//! REASSIGN OWNED and DROP OWNED: whatever belongs to a role, in this database.

use super::context::Context;
use super::{Access, Class, Place};
use crate::catalog::{
    Attached, Detail, DetailValue, Effect, Id, Ident, ObjectRef, Privileges, QName, RelationChange,
    RelationKind, Subject, TypeKind,
};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, parse_sql_fragment, protobuf};

/// What a role owns.
#[derive(Default)]
struct Owned {
    schemas: Vec<Id>,
    relations: Vec<Id>,
    types: Vec<Id>,
    functions: Vec<Id>,
    others: Vec<Id>,
}

impl Context<'_> {
    fn owned_by_roles(&self, roles: &[String]) -> Owned {
        let own = |id: Id| roles.iter().any(|role| role == self.catalog.owner_of(id));
        let composite = |id: Id| self.catalog.type_by_id(id).is_some_and(|ty| ty.kind == TypeKind::Composite);
        // An index belongs to its table.
        let relations = self
            .catalog
            .relations()
            .filter(|(_, relation)| !matches!(relation.kind, RelationKind::Index(_)))
            .map(|(id, _)| id);
        let others = self.catalog.others().filter(|(_, other)| other.has_owner());
        Owned {
            schemas: self.catalog.schemas().map(|(id, _)| id).filter(|id| own(*id)).collect(),
            relations: relations.filter(|id| own(*id)).collect(),
            types: self.catalog.types().map(|(id, _)| id).filter(|id| own(*id) && !composite(*id)).collect(),
            functions: self.catalog.functions().map(|(id, _)| id).filter(|id| own(*id)).collect(),
            others: others.map(|(id, _)| id).filter(|id| own(*id)).collect(),
        }
    }

    /// The roles that a statement names; without a server the current one has no name, and neither has the owner of
    /// anything.
    fn named_roles(&mut self, roles: &[protobuf::Node]) -> Vec<String> {
        let mut names = Vec::new();
        for role in roles {
            if let Some(NodeEnum::RoleSpec(role)) = &role.node {
                names.push(self.need_role(role).unwrap_or_default());
            }
        }
        names
    }

    /// Analyses REASSIGN OWNED.
    pub(super) fn reassign_owned(&mut self, node: &protobuf::ReassignOwnedStmt) {
        self.raise(Class::Changes);
        let roles = self.named_roles(&node.roles);
        let new = node.newrole.as_ref().and_then(|role| self.need_role(role));
        let new = new.unwrap_or_default();
        self.touch(Place::Everything, Access::Write);
        let owned = self.owned_by_roles(&roles);
        let owner = || DetailValue::text(new.as_str());
        for schema in owned.schemas {
            self.analysis.effects.push(Effect::OwnSchema { schema, owner: new.clone() });
        }
        for relation in owned.relations {
            let change = RelationChange::Owner(new.clone());
            self.analysis.effects.push(Effect::AlterRelation { relation, change });
        }
        for id in owned.types.into_iter().chain(owned.functions).chain(owned.others) {
            let of = Subject::Object(id);
            self.analysis.effects.push(Effect::SetDetail { of, detail: Detail::Owner, value: owner() });
        }
    }

    /// Analyses DROP OWNED.
    pub(super) fn drop_owned(&mut self, node: &protobuf::DropOwnedStmt) {
        self.raise(Class::Changes);
        let roles = self.named_roles(&node.roles);
        self.touch(Place::Everything, Access::Write);
        let mut owned = self.owned_by_roles(&roles);
        // What the whole server shares stays.
        owned.others.retain(|id| {
            let class = self.catalog.other(*id).map(|other| other.class.as_str());
            !matches!(class, Some("database" | "tablespace"))
        });
        let mappings = self.catalog.others_of("user mapping");
        owned.others.extend(mappings.filter(|(_, mapping)| roles.contains(&mapping.name)).map(|(id, _)| id));
        if node.behavior() != protobuf::DropBehavior::DropCascade {
            self.need_nothing_else(&owned);
        }
        self.revoke_from(&roles);
        self.take_from_policies(&roles);
        let effects = &mut self.analysis.effects;
        effects.extend(owned.relations.into_iter().map(|relation| Effect::DropRelation { relation }));
        effects.extend(owned.functions.into_iter().map(|function| Effect::DropFunction { function }));
        effects.extend(owned.types.into_iter().map(|ty| Effect::DropType { ty }));
        effects.extend(owned.others.into_iter().map(|other| Effect::DropOther { other }));
        effects.extend(owned.schemas.into_iter().map(|schema| Effect::DropSchema { schema }));
    }

    /// A policy that is for these roles alone goes; from others they are taken.
    fn take_from_policies(&mut self, roles: &[String]) {
        for (id, relation) in self.catalog.relations() {
            for policy in &relation.policies {
                let table = self.catalog.relation_name(id);
                let named = policy_roles(policy.definition.as_deref().unwrap_or_default(), &table);
                if !named.iter().any(|role| roles.contains(role)) {
                    continue;
                }
                let object = ObjectRef::Policy { relation: table, name: policy.name.clone() };
                self.analysis.effects.push(Effect::DropAttached { relation: id, object });
                if !named.iter().all(|role| roles.contains(role)) {
                    let policy = Attached { definition: None, ..policy.clone() };
                    self.analysis.effects.push(Effect::CreatePolicy { relation: id, policy });
                }
            }
        }
    }

    /// Without CASCADE nothing of another owner may need what is dropped.
    fn need_nothing_else(&mut self, owned: &Owned) {
        let roots: Vec<Id> =
            owned.relations.iter().chain(&owned.types).chain(&owned.functions).copied().collect();
        let span = self.statement.span;
        if let Some(blocker) = self.catalog.blocker(&roots).filter(|blocker| !owned.others.contains(blocker))
        {
            let message = format!("{} needs what the role owns", self.catalog.phrase_of(blocker));
            self.require(Vec::new(), span, super::Verdict::Unknown, Code::DN215, message, Vec::new());
        }
        if owned.schemas.iter().any(|schema| self.catalog.is_schema_used(*schema)) {
            let message = "a schema that the role owns may hold what it does not own".to_owned();
            self.require(Vec::new(), span, super::Verdict::Unknown, Code::DN215, message, Vec::new());
        }
    }

    /// Takes from the roles what they were granted, and their default privileges.
    fn revoke_from(&mut self, roles: &[String]) {
        let all: Vec<(Subject, DetailValue)> = self
            .catalog
            .with_detail(Detail::Privileges)
            .filter_map(|(of, value)| {
                let value = match (of, value) {
                    (Subject::Default(role, ..), _) if roles.iter().any(|own| **own == **role) => {
                        DetailValue::Absent
                    }
                    (_, DetailValue::Text(text)) => {
                        let mut privileges = Privileges::parse(text)?;
                        if !roles.iter().any(|role| privileges.names(role)) {
                            return None;
                        }
                        roles.iter().for_each(|role| privileges.revoke_all(role));
                        let without = match of {
                            Subject::Default(owner, None, kind) => {
                                privileges == Privileges::initial(*kind, owner, self.catalog.server_version)
                            }
                            Subject::Column(..) | Subject::Default(..) => privileges.is_empty(),
                            _ => false,
                        };
                        match without {
                            true => DetailValue::Absent,
                            false => DetailValue::text(privileges.to_string()),
                        }
                    }
                    _ => return None,
                };
                Some((of.clone(), value))
            })
            .collect();
        for (of, value) in all {
            self.analysis.effects.push(Effect::SetDetail { of, detail: Detail::Privileges, value });
        }
    }
}

/// The roles that a policy is for; its text is the whole statement, or what follows the table's name.
pub(super) fn policy_roles(definition: &str, table: &QName) -> Vec<String> {
    let text = match definition.starts_with("CREATE ") {
        true => definition.to_owned(),
        false => format!("CREATE POLICY p ON {}.{} {definition}", Ident(&table.schema), Ident(&table.name)),
    };
    let Ok(NodeEnum::CreatePolicyStmt(policy)) = parse_sql_fragment(&text) else { return Vec::new() };
    let roles = policy.roles.iter().filter_map(|role| match role.node.as_ref()? {
        NodeEnum::RoleSpec(role) => Some(role.rolename.clone()),
        _ => None,
    });
    roles.collect()
}
