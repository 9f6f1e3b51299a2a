//! GRANT, REVOKE and ALTER DEFAULT PRIVILEGES: who may do what with an object afterwards.

use super::Presence;
use super::context::{Context, string, strings};
use super::object::Thing;
use crate::catalog::privileges::{self, Privileges, Taken};
use crate::catalog::{Detail, DetailValue, Effect, FunctionKind, Id, RelationKind, Subject};
use crate::syntax::{NodeEnum, protobuf};
use protobuf::{GrantTargetType, ObjectType};

/// What a GRANT or REVOKE says, without its objects.
pub(super) struct Grant {
    /// Roles by name; PUBLIC is the empty one. None where one of them is not known.
    grantees: Option<Vec<String>>,
    /// Privileges of the whole object; none for all.
    letters: Option<String>,
    /// Privileges of columns (none for all), and which columns.
    columns: Vec<(Option<String>, Vec<String>)>,
    adds: bool,
    option: bool,
}

impl Grant {
    fn taken(&self) -> Taken {
        if self.option { Taken::Option } else { Taken::All }
    }

    /// What is left of an object's privileges, where that can be said.
    fn change(&self, old: Privileges, grantor: &str, letters: &str) -> DetailValue {
        let Some(grantees) = &self.grantees else { return DetailValue::Unknown };
        let mut changed = old;
        for grantee in grantees {
            match self.adds {
                true => changed.grant(grantee, grantor, letters, self.option),
                false => changed.revoke(grantee, grantor, letters, self.taken()),
            }
        }
        DetailValue::text(changed.to_string())
    }
}

impl Context<'_> {
    /// Reads what a GRANT or REVOKE says, without its objects.
    fn grant_of(&mut self, node: &protobuf::GrantStmt) -> Grant {
        let mut grant = Grant {
            grantees: Some(Vec::new()),
            letters: None,
            columns: Vec::new(),
            adds: node.is_grant,
            option: node.grant_option,
        };
        for grantee in &node.grantees {
            let Some(NodeEnum::RoleSpec(role)) = &grantee.node else { continue };
            let name = match role.roletype() {
                protobuf::RoleSpecType::RolespecPublic => Some(String::new()),
                _ => self.need_role(role),
            };
            match (&mut grant.grantees, name) {
                (Some(grantees), Some(name)) => grantees.push(name),
                _ => grant.grantees = None,
            }
        }
        if node.privileges.is_empty() {
            return grant;
        }
        let mut letters = String::new();
        for privilege in &node.privileges {
            let Some(NodeEnum::AccessPriv(privilege)) = &privilege.node else { continue };
            let letter = privileges::letter(&privilege.priv_name.to_lowercase()).map(String::from);
            let columns = strings(&privilege.cols);
            match columns.is_empty() {
                true => letters.extend(letter.iter().map(String::as_str)),
                false => grant.columns.push((letter, columns)),
            }
        }
        grant.letters = Some(letters);
        grant
    }

    /// Says what a GRANT or REVOKE on objects changes; satisfied where it changes nothing.
    pub(super) fn change_privileges(&mut self, node: &protobuf::GrantStmt) {
        let grant = self.grant_of(node);
        let targets = match node.targtype() {
            GrantTargetType::AclTargetAllInSchema => self.all_in_schemas(node),
            _ => node.objects.iter().filter_map(|object| self.granted_object(node, object)).collect(),
        };
        let mut changes = Vec::new();
        for id in &targets {
            self.change_of(&grant, *id, &mut changes);
        }
        let all_known =
            node.targtype() == GrantTargetType::AclTargetAllInSchema || targets.len() == node.objects.len();
        let same = |(of, value): &(Subject, DetailValue)| match value {
            DetailValue::Unknown => false,
            value => self.privileges_of(of) == *value,
        };
        if all_known && changes.iter().all(same) {
            let what = if grant.adds { "granted" } else { "revoked" };
            let reason = format!("the privileges are {what} already");
            self.analysis.presence = Presence::Same { reason };
            return;
        }
        for (of, value) in changes {
            // A column without privileges of its own has none kept.
            let value = match (&of, &value) {
                (Subject::Column(..), DetailValue::Text(text)) if text.is_empty() => DetailValue::Absent,
                _ => value,
            };
            self.analysis.effects.push(Effect::SetDetail { of, detail: Detail::Privileges, value });
        }
    }

    /// The privileges of an object or column as they are, also where they are those of the beginning.
    fn privileges_of(&self, of: &Subject) -> DetailValue {
        match (self.catalog.detail(of, Detail::Privileges), of) {
            (DetailValue::Absent, Subject::Object(id)) => {
                let owner = self.catalog.owner_of(*id);
                match self.catalog.privilege_kind(*id) {
                    Some(kind) if !owner.is_empty() => {
                        let initial = Privileges::initial(kind, owner, self.catalog.server_version);
                        DetailValue::text(initial.to_string())
                    }
                    _ => DetailValue::Unknown,
                }
            }
            (DetailValue::Absent, _) => DetailValue::text(""),
            (value, _) => value.clone(),
        }
    }

    fn granted_object(&self, node: &protobuf::GrantStmt, object: &protobuf::Node) -> Option<Id> {
        match &object.node {
            Some(NodeEnum::RangeVar(range)) => {
                self.catalog.find_relation(&super::context::range_name(range), self.path()).yes()
            }
            Some(_) if node.objtype() == ObjectType::ObjectDatabase => {
                let label = crate::catalog::Ident(&string(object)?).to_string();
                self.catalog.other_at("database", &label).map(|(id, _)| id)
            }
            Some(_) => match self.meant(node.objtype(), object)?.found.yes()? {
                Thing::Relation(id)
                | Thing::Type(id)
                | Thing::Function(id)
                | Thing::Schema(id)
                | Thing::Other(id) => Some(id),
                _ => None,
            },
            None => None,
        }
    }

    fn all_in_schemas(&self, node: &protobuf::GrantStmt) -> Vec<Id> {
        let schemas: Vec<Id> = strings(&node.objects)
            .iter()
            .filter_map(|schema| self.catalog.find_schema(schema).yes())
            .collect();
        let relation = |kind: &RelationKind| match (node.objtype(), kind) {
            (ObjectType::ObjectSequence, RelationKind::Sequence(_)) => true,
            (ObjectType::ObjectTable, RelationKind::Sequence(_)) => false,
            (ObjectType::ObjectTable, RelationKind::Index(_) | RelationKind::Composite) => false,
            (ObjectType::ObjectTable, _) => true,
            _ => false,
        };
        let function = |kind: FunctionKind| match node.objtype() {
            ObjectType::ObjectFunction => kind != FunctionKind::Procedure,
            ObjectType::ObjectProcedure => kind == FunctionKind::Procedure,
            ObjectType::ObjectRoutine => true,
            _ => false,
        };
        let relations = self
            .catalog
            .relations()
            .filter(|(_, found)| schemas.contains(&found.schema) && relation(&found.kind))
            .map(|(id, _)| id);
        let functions = self
            .catalog
            .functions()
            .filter(|(_, found)| schemas.contains(&found.schema) && function(found.kind))
            .map(|(id, _)| id);
        relations.chain(functions).collect()
    }

    /// Who grants: the owner, where the role that acts is the owner or may do anything.
    fn grantor(&self, id: Id) -> Option<String> {
        let (owner, acting) = (self.catalog.owner_of(id), self.acting_role());
        let may = acting == owner || self.catalog.superuser && acting == self.catalog.current_role;
        (may && !owner.is_empty() && !acting.is_empty()).then(|| owner.to_owned())
    }

    fn change_of(&self, grant: &Grant, id: Id, changes: &mut Vec<(Subject, DetailValue)>) {
        let of = Subject::Object(id);
        let Some(kind) = self.catalog.privilege_kind(id) else { return };
        let version = self.catalog.server_version;
        let grantor = self.grantor(id);
        let parsed = |value: DetailValue| match value {
            DetailValue::Text(text) => Privileges::parse(&text),
            _ => None,
        };
        let acting = self.acting_role();
        let changed = |of: &Subject, letters: &str| match (&grantor, parsed(self.privileges_of(of))) {
            (Some(grantor), Some(old)) => grant.change(old, grantor, letters),
            // Who was given the right to grant does it in its own name.
            (None, Some(old)) if matches!(of, Subject::Object(_)) && old.may_grant(acting, letters) => {
                grant.change(old, acting, letters)
            }
            _ => DetailValue::Unknown,
        };
        let letters = grant.letters.clone().unwrap_or_else(|| privileges::all(kind, version).to_owned());
        if !letters.is_empty() {
            changes.push((of.clone(), changed(&of, &letters)));
        }
        let Some(relation) = self.catalog.relation(id) else { return };
        // REVOKE from the table takes the privileges of its columns along.
        let of_columns: String = letters.chars().filter(|letter| "arwx".contains(*letter)).collect();
        for column in relation.columns.iter().filter(|_| !grant.adds && !of_columns.is_empty()) {
            let of = Subject::Column(id, column.number);
            if *self.catalog.detail(&of, Detail::Privileges) != DetailValue::Absent {
                changes.push((of.clone(), changed(&of, &of_columns)));
            }
        }
        let mut per_column: Vec<(Subject, String)> = Vec::new();
        for (letter, names) in &grant.columns {
            let letters = letter.as_deref().unwrap_or_else(|| privileges::all('c', version));
            for column in names.iter().filter_map(|name| relation.column(name)) {
                let of = Subject::Column(id, column.number);
                match per_column.iter_mut().find(|(known, _)| *known == of) {
                    Some((_, known)) => known.push_str(letters),
                    None => per_column.push((of, letters.to_owned())),
                }
            }
        }
        changes.extend(per_column.into_iter().map(|(of, letters)| {
            let value = changed(&of, &letters);
            (of, value)
        }));
    }

    /// Says what ALTER DEFAULT PRIVILEGES changes for these roles (none for the one that acts) and schemas.
    pub(super) fn change_defaults(
        &mut self,
        node: &protobuf::GrantStmt,
        roles: Vec<String>,
        schemas: &[Option<Id>],
    ) {
        let kind = match node.objtype() {
            ObjectType::ObjectTable => 'r',
            ObjectType::ObjectSequence => 'S',
            ObjectType::ObjectFunction | ObjectType::ObjectRoutine | ObjectType::ObjectProcedure => 'f',
            ObjectType::ObjectType => 'T',
            ObjectType::ObjectSchema => 'n',
            ObjectType::ObjectLargeobject => 'L',
            _ => return,
        };
        let grant = self.grant_of(node);
        let roles = if roles.is_empty() { vec![self.acting_role().to_owned()] } else { roles };
        let mut all = Vec::new();
        for role in roles.iter().filter(|role| !role.is_empty()) {
            let initial = Privileges::initial(kind, role, self.catalog.server_version);
            for schema in schemas {
                let of = Subject::Default(role.as_str().into(), *schema, kind);
                let beginning = if schema.is_none() { initial.clone() } else { Privileges::default() };
                let old = match self.catalog.detail(&of, Detail::Privileges) {
                    DetailValue::Absent => Some(beginning.clone()),
                    DetailValue::Text(text) => Privileges::parse(text),
                    DetailValue::Unknown => None,
                };
                let letters = grant
                    .letters
                    .clone()
                    .unwrap_or_else(|| privileges::all(kind, self.catalog.server_version).to_owned());
                let value = match old {
                    Some(old) => grant.change(old, role, &letters),
                    None => DetailValue::Unknown,
                };
                // What is as without it is not kept.
                let value = match value == DetailValue::text(beginning.to_string()) {
                    true => DetailValue::Absent,
                    false => value,
                };
                all.push((of, value));
            }
        }
        let same = |(of, value): &(Subject, DetailValue)| {
            *value != DetailValue::Unknown && self.catalog.detail(of, Detail::Privileges) == value
        };
        if !all.is_empty() && all.iter().all(same) {
            let reason = "the default privileges are so already".to_owned();
            self.analysis.presence = Presence::Same { reason };
            return;
        }
        for (of, value) in all {
            self.analysis.effects.push(Effect::SetDetail { of, detail: Detail::Privileges, value });
        }
    }
}
