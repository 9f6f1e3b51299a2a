//! Details that come about or change with something else: owners, default privileges, names.

use crate::catalog::effect::Slot;
use crate::catalog::{
    Attached, Catalog, Detail, DetailValue, Id, Other, PartKind, Privileges, QName, Relation, Subject,
    TypeKind,
};
use rustc_hash::FxHashMap;

impl Catalog {
    /// Turns a placeholder id in a subject into the id that the object has.
    pub(super) fn place_subject(&mut self, of: &Subject, slots: &mut FxHashMap<Slot, Id>) -> Subject {
        match of {
            Subject::Object(id) => Subject::Object(self.place(*id, slots)),
            Subject::Column(id, number) => Subject::Column(self.place(*id, slots), *number),
            Subject::Part(id, kind, name) => Subject::Part(self.place(*id, slots), *kind, name.clone()),
            other => other.clone(),
        }
    }

    /// The role that the operation runs as; empty where that is not known.
    fn acting(&self) -> &str {
        self.acting.as_deref().unwrap_or(&self.current_role)
    }

    /// A new object belongs to who makes it, and has the default privileges of that role.
    pub(super) fn born(&mut self, id: Id) {
        let acting = self.acting().to_owned();
        let composite = self.type_by_id(id).is_some_and(|ty| ty.kind == TypeKind::Composite);
        if self.schema(id).is_none()
            && self.relation(id).is_none()
            && !composite
            && acting != self.current_role
        {
            let value = if acting.is_empty() { DetailValue::Unknown } else { DetailValue::text(acting) };
            self.set_detail(Subject::Object(id), Detail::Owner, value);
        }
        if self.default_privileges().next().is_some() {
            let value = self.privileges_at_birth(id);
            self.set_detail(Subject::Object(id), Detail::Privileges, value);
        }
    }

    fn privileges_at_birth(&self, id: Id) -> DetailValue {
        let Some(kind) = self.privilege_kind(id).filter(|kind| "rSfTn".contains(*kind)) else {
            return DetailValue::Absent;
        };
        let owner = self.owner_of(id).to_owned();
        if owner.is_empty() {
            return DetailValue::Unknown;
        }
        let schema = self
            .relation(id)
            .map(|relation| relation.schema)
            .or_else(|| self.function(id).map(|function| function.schema))
            .or_else(|| self.type_by_id(id).map(|ty| ty.schema));
        let of = |schema: Option<Id>| {
            self.detail(&Subject::Default(owner.as_str().into(), schema, kind), Detail::Privileges)
        };
        let (everywhere, here) = (of(None), schema.map_or(&DetailValue::Absent, |schema| of(Some(schema))));
        let initial = Privileges::initial(kind, &owner, self.server_version);
        let mut privileges = match everywhere {
            DetailValue::Text(text) => Privileges::parse(text).unwrap_or_default(),
            DetailValue::Absent => initial.clone(),
            DetailValue::Unknown => return DetailValue::Unknown,
        };
        match here {
            DetailValue::Text(text) => privileges.merge(&Privileges::parse(text).unwrap_or_default()),
            DetailValue::Absent => {}
            DetailValue::Unknown => return DetailValue::Unknown,
        }
        if privileges == initial { DetailValue::Absent } else { DetailValue::text(privileges.to_string()) }
    }

    /// CREATE OR REPLACE sets all attributes of a function anew; owner, privileges and comment stay.
    pub(super) fn set_attributes(
        &mut self,
        name: &QName,
        signature: &str,
        details: &[(Detail, DetailValue)],
    ) {
        let key = self.schema_names.get(&name.schema).map(|schema| (*schema, name.name.clone()));
        let ids = key.and_then(|key| self.function_names.get(&key));
        let is_it = |id: &&Id| self.functions.get(*id).is_some_and(|found| found.signature() == signature);
        let Some(id) = ids.and_then(|ids| ids.iter().find(is_it)).copied() else { return };
        let of = Subject::Object(id);
        let old: Vec<Detail> = self.details_of(&of).map(|(detail, _)| detail).collect();
        for detail in old
            .into_iter()
            .filter(|detail| !matches!(detail, Detail::Owner | Detail::Privileges | Detail::Comment))
        {
            self.set_detail(of.clone(), detail, DetailValue::Absent);
        }
        for (detail, value) in details {
            self.set_detail(of.clone(), *detail, value.clone());
        }
    }

    /// Renames a role: what it owns, what was granted and what is said of it follow.
    pub(super) fn rename_role(&mut self, name: &str, to: &str) {
        if let Some(roles) = &mut self.roles
            && roles.remove(name)
        {
            roles.insert(to.to_owned());
        }
        let relations = self.relations.values_mut().map(|relation| &mut relation.owner);
        let schemas = self.schemas.values_mut().map(|schema| &mut schema.owner);
        for owner in relations.chain(schemas).filter(|owner| *owner == name) {
            to.clone_into(owner);
        }
        self.rename_role_in_details(name, to);
        // A policy's text names the roles it is for, as the file or the server wrote it.
        let policies = self.relations.values_mut().flat_map(|relation| &mut relation.policies);
        let named =
            |policy: &&mut Attached| policy.definition.as_ref().is_some_and(|text| text.contains(name));
        policies.filter(named).for_each(|policy| policy.definition = None);
        let mapping = |(_, other): &(Id, &Other)| other.class == "user mapping" && other.name == name;
        let mappings: Vec<Id> = self.others().filter(mapping).map(|(id, _)| id).collect();
        for id in mappings {
            let Some(mapping) = self.other(id).cloned() else { continue };
            self.add_other_as(id, Other { name: to.to_owned(), ..mapping });
        }
        for role in [&mut self.current_role, &mut self.bootstrap_role] {
            if *role == name {
                to.clone_into(role);
            }
        }
    }

    /// OWNER TO: privileges that the old owner had and gave are the new one's.
    pub(super) fn change_owner(&mut self, id: Id, owner: &DetailValue) {
        let old = self.owner_of(id).to_owned();
        let new = match owner {
            DetailValue::Text(owner) => owner.to_string(),
            DetailValue::Absent => self.current_role.clone(),
            DetailValue::Unknown => String::new(),
        };
        let columns: Vec<Subject> = self
            .relation(id)
            .map(|relation| {
                relation.columns.iter().map(|column| Subject::Column(id, column.number)).collect()
            })
            .unwrap_or_default();
        for of in columns.into_iter().chain([Subject::Object(id)]) {
            let Some(text) = self.detail_text(&of, Detail::Privileges) else { continue };
            let changed = Privileges::parse(text).filter(|_| !old.is_empty() && !new.is_empty());
            let value = changed.map_or(DetailValue::Unknown, |privileges| {
                DetailValue::text(privileges.change_owner(&old, &new).to_string())
            });
            self.set_detail(of, Detail::Privileges, value);
        }
        let value = if new == self.current_role { DetailValue::Absent } else { owner.clone() };
        if let Some(schema) = self.schemas.get_mut(&id) {
            schema.owner = new;
        } else if let Some(relation) = self.relations.get_mut(&id) {
            relation.owner = new;
        } else {
            self.set_detail(Subject::Object(id), Detail::Owner, value);
        }
        let is_range =
            |id: &Id| self.type_by_id(*id).is_some_and(|ty| ty.kind == crate::catalog::TypeKind::Range);
        if self.server_version >= 170_000 && is_range(&id) {
            // Its multirange goes with it.
            let multirange = self.dependents_of(id).into_iter().find(is_range);
            multirange.into_iter().for_each(|multirange| self.change_owner(multirange, owner));
        }
    }

    /// Something with a name within a relation is made, and has none of what one of its name had.
    pub(super) fn part_is_new(&mut self, of: Id, kind: PartKind, name: &str) {
        self.forget_details(&Subject::Part(of, kind, name.into()));
    }

    /// What is known by its name within a relation gets another one.
    pub(super) fn part_renamed(&mut self, of: Id, kind: PartKind, name: &str, to: &str) {
        self.rename_details(&Subject::Part(of, kind, name.into()), Subject::Part(of, kind, to.into()));
    }
}

impl Relation {
    /// Whether it has a trigger of the name.
    pub fn has_trigger(&self, name: &str) -> bool {
        self.triggers.iter().any(|trigger| trigger.name == name)
    }
}
