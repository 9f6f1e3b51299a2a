//! Objects without a model of their own: known by class and name, with what they need.

use super::{Catalog, Dependency, Id, Ident, Index, Origin, QName, TypeRef};
use std::collections::BTreeSet;

/// An object that is kept by class and name: a collation, an operator, a cast, a publication …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Its class, as `COMMENT ON` says it.
    pub class: String,
    /// Its schema, where its class lives in schemas.
    pub schema: Option<Id>,
    /// Its own name; empty where types are its name (a cast, a transform).
    pub name: String,
    /// The types that are part of its name: operands (none: no left one), source and target of a cast. An operator's
    /// result comes after its operands.
    pub types: Vec<Option<TypeRef>>,
    /// What else is part of its name: the access method of an operator class, the language of a transform. Of a cast
    /// `castcontext` and `castmethod`; of an event trigger its event, and one a line the tags that it is for;
    /// of a subscription its publications, one a line.
    pub of: Option<String>,
    /// What it cannot be without; each refuses to be dropped before it.
    pub depends: Vec<Dependency>,
    /// What it goes with silently: the table of statistics, the publication and the table of a membership.
    pub part_of: Vec<Dependency>,
    /// The extension that it belongs to.
    pub extension: Option<String>,
    /// Who made it.
    pub origin: Origin,
}

impl Other {
    /// Makes an object that needs nothing.
    pub fn new(class: &str, name: impl Into<String>) -> Other {
        Other {
            class: class.to_owned(),
            schema: None,
            name: name.into(),
            types: Vec::new(),
            of: None,
            depends: Vec::new(),
            part_of: Vec::new(),
            extension: None,
            origin: Origin::Live,
        }
    }

    /// The label that the object has in a schema of this name.
    pub fn label(&self, schema: Option<&str>) -> String {
        let ty = |at: usize| match self.types.get(at) {
            Some(Some(ty)) => ty.to_string(),
            _ => "NONE".to_owned(),
        };
        let of = self.of.as_deref().unwrap_or_default();
        let name = || match schema {
            Some(schema) => QName::new(schema, self.name.as_str()).to_string(),
            None => Ident(&self.name).to_string(),
        };
        match self.class.as_str() {
            // An operator's name is not quoted.
            "operator" => match schema {
                None | Some("public") => format!("{}({}, {})", self.name, ty(0), ty(1)),
                Some(schema) => format!("{}.{}({}, {})", Ident(schema), self.name, ty(0), ty(1)),
            },
            "cast" => format!("({} AS {})", ty(0), ty(1)),
            "transform" => format!("FOR {} LANGUAGE {}", ty(0), Ident(of)),
            "operator class" | "operator family" => format!("{} USING {}", name(), Ident(of)),
            "user mapping" => format!("{} on {}", Ident(&self.name), Ident(of)),
            _ => name(),
        }
    }

    /// Whether it belongs to a role; some classes have no owner.
    pub fn has_owner(&self) -> bool {
        const OWNERLESS: [&str; 8] = [
            "cast",
            "transform",
            "access method",
            "user mapping",
            "text search parser",
            "text search template",
            "publication table",
            "publication schema",
        ];
        !OWNERLESS.contains(&self.class.as_str())
    }

    /// Everything that it needs or goes with.
    pub(super) fn needs(&self) -> impl Iterator<Item = &Dependency> {
        self.depends.iter().chain(&self.part_of)
    }
}

impl Catalog {
    /// All objects that are kept by class and name.
    pub fn others(&self) -> impl Iterator<Item = (Id, &Other)> {
        self.others.iter().map(|(id, other)| (*id, other))
    }

    /// All objects of a class.
    pub fn others_of(&self, class: &str) -> impl Iterator<Item = (Id, &Other)> {
        let ids = self.other_classes.get(class).into_iter().flatten();
        ids.filter_map(|id| self.others.get(id).map(|other| (*id, other)))
    }

    /// Gets an object that is kept by class and name.
    pub fn other(&self, id: Id) -> Option<&Other> {
        self.others.get(&id)
    }

    /// The label of an object: its name as `COMMENT ON` writes it.
    pub fn other_label(&self, other: &Other) -> String {
        match (other.class.as_str(), other.part_of.last()) {
            // A membership is named after what is a member, whatever that is called now.
            ("publication table", Some(table)) => {
                format!("{} in {}", self.relation_name(table.on), self.label_of_first(other))
            }
            ("publication schema", Some(schema)) => {
                format!("{} in {}", Ident(self.schema_name(schema.on)), self.label_of_first(other))
            }
            _ => other.label(other.schema.map(|schema| self.schema_name(schema))),
        }
    }

    fn label_of_first(&self, other: &Other) -> String {
        let owner = other.part_of.first().and_then(|owner| self.other(owner.on));
        owner.map_or_else(|| "?".into(), |owner| Ident(&owner.name).to_string())
    }

    /// Finds an object by class and label.
    pub fn other_at(&self, class: &str, label: &str) -> Option<(Id, &Other)> {
        self.others_of(class).find(|(_, other)| self.other_label(other) == label)
    }

    /// Adds an object that is kept by class and name.
    pub fn add_other(&mut self, other: Other) -> Id {
        let id = self.reserve();
        self.add_other_as(id, other);
        id
    }

    /// Adds an object under a reserved id.
    pub fn add_other_as(&mut self, id: Id, other: Other) {
        match self.other_classes.get_mut(&other.class) {
            Some(ids) => {
                ids.insert(id);
            }
            None => {
                self.other_classes.insert(other.class.clone(), BTreeSet::from([id]));
            }
        }
        self.others.insert(id, other);
        self.note_dependencies(id);
    }

    /// Drops an object, and everything that cannot be without it.
    pub(super) fn drop_other(&mut self, id: Id) {
        if let Some(removed) = self.others.remove(&id) {
            match removed.class.as_str() {
                "operator class" => self.drop_indexes_of_class(&removed),
                "collation" => self.drop_columns_of_collation(&removed),
                _ => {}
            }
            for dependent in self.dependents_of(id) {
                self.drop_dependence(dependent, id);
            }
        }
    }

    /// Indexes name the operator classes of their keys.
    fn drop_indexes_of_class(&mut self, class: &Other) {
        let schema = class.schema.map_or("", |schema| self.schema_name(schema));
        let text = format!("{}.{}", Ident(schema), Ident(&class.name));
        let uses = |index: &Index| index.keys.iter().any(|key| key.opclass.as_ref() == Some(&text));
        let indexes: Vec<Id> = self
            .relations()
            .filter(|(_, relation)| relation.index().is_some_and(uses))
            .map(|(id, _)| id)
            .collect();
        let drops = indexes.into_iter().map(|relation| super::Effect::DropRelation { relation });
        self.apply(&drops.collect::<Vec<_>>(), Origin::Live);
    }

    /// Columns and keys of indexes name their collations.
    fn drop_columns_of_collation(&mut self, collation: &Other) {
        let schema = collation.schema.map_or("", |schema| self.schema_name(schema));
        let text = Some(format!("{}.{}", Ident(schema), Ident(&collation.name)));
        let mut drops = Vec::new();
        for (relation, found) in self.relations() {
            let uses = |index: &Index| index.keys.iter().any(|key| key.collation == text);
            if found.index().is_some_and(uses) {
                drops.push(super::Effect::DropRelation { relation });
            }
            let columns = found.columns.iter().filter(|column| column.collation == text);
            drops.extend(columns.map(|column| super::Effect::DropColumn {
                relation,
                column: column.number,
                only: false,
            }));
        }
        self.apply(&drops, Origin::Live);
    }

    /// Drops what needs, or belongs to, a column that is dropped.
    pub(super) fn others_on_column(&self, relation: Id, column: super::ColumnNumber) -> Vec<Id> {
        let uses =
            |other: &Other| other.needs().any(|need| need.on == relation && need.column == Some(column));
        let dependents = self.dependents_of(relation).into_iter();
        dependents.filter(|id| self.other(*id).is_some_and(uses)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Relation, RelationKind, SearchPath};

    #[test]
    fn labels_follow_renames_and_memberships_go_with_their_table() {
        let mut catalog = Catalog::empty();
        let public = catalog.path_schemas(&SearchPath::default())[0];
        let table = catalog.add_relation(Relation::new(public, "t", RelationKind::Table));
        let publication = catalog.add_other(Other::new("publication", "Pub"));
        let need = |on| Dependency { on, column: None };
        let member =
            Other { part_of: vec![need(publication), need(table)], ..Other::new("publication table", "") };
        let member = catalog.add_other(member);
        assert_eq!(catalog.other_label(catalog.other(member).unwrap()), "t in \"Pub\"");
        let operator = Other {
            schema: Some(public),
            types: vec![None, Some(TypeRef::builtin("int4"))],
            ..Other::new("operator", "!!!")
        };
        catalog.add_other(operator);
        assert!(catalog.other_at("operator", "!!!(NONE, integer)").is_some());
        catalog.apply(&[crate::catalog::Effect::DropRelation { relation: table }], Origin::Live);
        assert!(catalog.other(member).is_none() && catalog.other(publication).is_some());
    }
}
