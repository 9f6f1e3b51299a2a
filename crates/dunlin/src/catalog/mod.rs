//! The model of a database's schema: read from a server or simulated.

pub mod builtin;
pub mod describe;
mod details;
pub mod effect;

mod apply;
mod blockers;
pub mod lookup;
mod model;
mod name;
mod other;
pub mod privileges;

pub use apply::Dependent;
pub use effect::{ColumnChange, ConstraintChange, Effect, RelationChange, Slot, Target};

pub use describe::{Difference, difference};
pub use details::{Detail, DetailValue, PartKind, Subject};
pub use lookup::{Found, SearchPath, TEMPORARY};
pub use model::*;
pub use name::{Ident, Name, ObjectRef, QName};
pub use other::Other;
pub use privileges::Privileges;

use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The schema of one database, as read or as simulated.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    next: u32,
    schemas: BTreeMap<Id, Schema>,
    relations: BTreeMap<Id, Relation>,
    types: BTreeMap<Id, Type>,
    functions: BTreeMap<Id, Function>,
    schema_names: FxHashMap<String, Id>,
    relation_names: FxHashMap<(Id, String), Id>,
    type_names: FxHashMap<(Id, String), Id>,
    function_names: FxHashMap<(Id, String), Vec<Id>>,
    /// Which relations, types and functions need an object; may name some that no longer do.
    dependents: FxHashMap<Id, BTreeSet<Id>>,
    /// Which relations have a constraint of a name; may name some that no longer do.
    constrained: FxHashMap<String, BTreeSet<Id>>,
    /// Installed extensions with their versions.
    pub extensions: BTreeMap<String, String>,
    /// Roles of the cluster; none when not known (then no role is missing).
    pub roles: Option<BTreeSet<String>>,
    /// Objects of the kinds that are kept by class and name only: collations, operators, publications …
    others: BTreeMap<Id, Other>,
    /// The objects of each class of them; may name some that are gone.
    other_classes: FxHashMap<String, BTreeSet<Id>>,
    /// What most objects do not have: comments, privileges …
    details: details::Details,
    /// The role that the operation under application runs as, where it is not the current one.
    acting: Option<String>,
    /// Schemas in which something made tables that are not known.
    open: BTreeSet<Id>,
    /// Version of the server, as `server_version_num`; the grammar's own when there is no server.
    pub server_version: u32,
    /// The role that statements run as; empty where unknown.
    pub current_role: String,
    /// The role that initdb made, which owns what the server makes by itself; empty where unknown.
    pub bootstrap_role: String,
    /// Roles that the current role is a member of, directly or through others.
    pub memberships: BTreeSet<String>,
    /// Whether the role may do anything.
    pub superuser: bool,
    /// Whether PostgreSQL's own schemas hold objects of the user's, which are not listed: what is missing may be there.
    pub system_objects: bool,
    /// The names of functions that somebody else than PostgreSQL put into its own schemas; they are not listed.
    pub system_functions: BTreeSet<String>,
    /// Set once something that could not be understood has run: what is missing is unknown from there on.
    pub clouded: Option<String>,
    /// The collations that the server brings for the database's encoding; none when not known.
    pub collations: Option<Arc<BTreeSet<String>>>,
    /// Whether the database had tables of the user's when it was read.
    pub had_user_tables: bool,
}

impl Catalog {
    /// Makes an empty database: the schema `public` and the extension `plpgsql`.
    pub fn empty() -> Catalog {
        let mut catalog = Catalog { server_version: 180_000, superuser: true, ..Catalog::default() };
        catalog.add_schema(Schema { name: "public".into(), owner: String::new(), origin: Origin::Live });
        // initdb puts it into every template.
        catalog.extensions.insert("plpgsql".into(), "1.0".into());
        catalog
    }

    /// Makes a database without objects of the user's on the same server: roles, schemas, extensions and what
    /// they brought.
    pub fn surroundings(&self) -> Catalog {
        let mut bare = Catalog {
            server_version: self.server_version,
            roles: self.roles.clone(),
            current_role: self.current_role.clone(),
            bootstrap_role: self.bootstrap_role.clone(),
            memberships: self.memberships.clone(),
            superuser: self.superuser,
            extensions: self.extensions.clone(),
            collations: self.collations.clone(),
            system_objects: self.system_objects,
            system_functions: self.system_functions.clone(),
            ..Catalog::empty()
        };
        // A set may leave the making of its schema to somebody else.
        for (id, _) in self.schemas().filter(|(_, schema)| !Catalog::is_system_schema(&schema.name)) {
            bare.schema_like(self, id);
        }
        let no_id = |ty: &TypeRef| TypeRef { id: None, ..ty.clone() };
        for (_, ty) in self.types().filter(|(_, ty)| ty.extension.is_some()) {
            let schema = bare.schema_like(self, ty.schema);
            bare.add_type(Type { schema, depends: Vec::new(), ..ty.clone() });
        }
        for (_, other) in self.others().filter(|(_, other)| other.extension.is_some()) {
            let schema = other.schema.map(|schema| bare.schema_like(self, schema));
            let types = other.types.iter().map(|ty| ty.as_ref().map(no_id)).collect();
            bare.add_other(Other {
                schema,
                types,
                depends: Vec::new(),
                part_of: Vec::new(),
                ..other.clone()
            });
        }
        for (_, function) in self.functions().filter(|(_, function)| function.extension.is_some()) {
            let schema = bare.schema_like(self, function.schema);
            let parameters = function
                .parameters
                .iter()
                .map(|parameter| Parameter { ty: no_id(&parameter.ty), ..parameter.clone() })
                .collect();
            let result = function.result.as_ref().map(no_id);
            bare.add_function(Function {
                schema,
                parameters,
                result,
                depends: Vec::new(),
                ..function.clone()
            });
        }
        for (_, relation) in self.relations().filter(|(_, relation)| relation.extension.is_some()) {
            let columns: Vec<Column> = relation
                .columns
                .iter()
                .map(|column| Column {
                    ty: no_id(&column.ty),
                    ..Column::new(column.number, &column.name, column.ty.clone())
                })
                .collect();
            let kind = match &relation.kind {
                RelationKind::Index(_) | RelationKind::Sequence(_) => continue,
                kind => kind.clone(),
            };
            let schema = bare.schema_like(self, relation.schema);
            let extension = relation.extension.clone();
            bare.add_relation(Relation { columns, extension, ..Relation::new(schema, &relation.name, kind) });
        }
        bare
    }

    /// The schema with the name that another catalog's has; made where it lacks.
    fn schema_like(&mut self, other: &Catalog, id: Id) -> Id {
        let name = other.schema_name(id);
        match self.schema_names.get(name) {
            Some(found) => *found,
            None => {
                self.add_schema(Schema { name: name.to_owned(), owner: String::new(), origin: Origin::Live })
            }
        }
    }

    fn fresh(&mut self) -> Id {
        self.next += 1;
        Id(self.next)
    }

    /// Adds a schema.
    pub fn add_schema(&mut self, schema: Schema) -> Id {
        let id = self.fresh();
        self.schema_names.insert(schema.name.clone(), id);
        self.schemas.insert(id, schema);
        id
    }

    /// Reserves an id for an object that is added later with a method ending in `_as`.
    pub fn reserve(&mut self) -> Id {
        self.fresh()
    }

    /// Adds a relation.
    pub fn add_relation(&mut self, relation: Relation) -> Id {
        let id = self.fresh();
        self.add_relation_as(id, relation);
        id
    }

    /// Adds a relation under a reserved id.
    pub fn add_relation_as(&mut self, id: Id, relation: Relation) {
        self.relation_names.insert((relation.schema, relation.name.clone()), id);
        self.relations.insert(id, relation);
        self.note_dependencies(id);
    }

    /// Adds a type.
    pub fn add_type(&mut self, ty: Type) -> Id {
        let id = self.fresh();
        self.add_type_as(id, ty);
        id
    }

    /// Adds a type under a reserved id.
    pub fn add_type_as(&mut self, id: Id, ty: Type) {
        self.type_names.insert((ty.schema, ty.name.clone()), id);
        self.types.insert(id, ty);
        self.note_dependencies(id);
    }

    /// Adds a function.
    pub fn add_function(&mut self, function: Function) -> Id {
        let id = self.fresh();
        self.add_function_as(id, function);
        id
    }

    /// Adds a function under a reserved id.
    pub fn add_function_as(&mut self, id: Id, function: Function) {
        self.function_names.entry((function.schema, function.name.clone())).or_default().push(id);
        self.functions.insert(id, function);
        self.note_dependencies(id);
    }

    /// Gets a schema by id.
    pub fn schema(&self, id: Id) -> Option<&Schema> {
        self.schemas.get(&id)
    }

    /// Gets a relation by id.
    pub fn relation(&self, id: Id) -> Option<&Relation> {
        self.relations.get(&id)
    }

    /// Changes a relation in place; call [`Catalog::note_dependencies`] after changing what it needs.
    pub fn relation_mut(&mut self, id: Id) -> Option<&mut Relation> {
        self.relations.get_mut(&id)
    }

    /// Gets a type by id.
    pub fn type_by_id(&self, id: Id) -> Option<&Type> {
        self.types.get(&id)
    }

    /// Changes a type in place.
    pub fn type_mut(&mut self, id: Id) -> Option<&mut Type> {
        self.types.get_mut(&id)
    }

    /// Gets a function by id.
    pub fn function(&self, id: Id) -> Option<&Function> {
        self.functions.get(&id)
    }

    /// All schemas.
    pub fn schemas(&self) -> impl Iterator<Item = (Id, &Schema)> {
        self.schemas.iter().map(|(id, schema)| (*id, schema))
    }

    /// All relations.
    pub fn relations(&self) -> impl Iterator<Item = (Id, &Relation)> {
        self.relations.iter().map(|(id, relation)| (*id, relation))
    }

    /// All types.
    pub fn types(&self) -> impl Iterator<Item = (Id, &Type)> {
        self.types.iter().map(|(id, ty)| (*id, ty))
    }

    /// All functions.
    pub fn functions(&self) -> impl Iterator<Item = (Id, &Function)> {
        self.functions.iter().map(|(id, function)| (*id, function))
    }

    /// The name of a relation with its schema.
    pub fn relation_name(&self, id: Id) -> QName {
        match self.relations.get(&id) {
            Some(relation) => QName::new(self.schema_name(relation.schema), relation.name.clone()),
            None => QName::new("?", "?"),
        }
    }

    /// The name of a type with its schema.
    pub fn type_name(&self, id: Id) -> QName {
        match self.types.get(&id) {
            Some(ty) => QName::new(self.schema_name(ty.schema), ty.name.clone()),
            None => self.relation_name(id),
        }
    }

    /// The name of a function with its schema.
    pub fn function_name(&self, id: Id) -> QName {
        match self.functions.get(&id) {
            Some(function) => QName::new(self.schema_name(function.schema), function.name.clone()),
            None => QName::new("?", "?"),
        }
    }

    /// The name of a schema.
    pub fn schema_name(&self, id: Id) -> &str {
        self.schemas.get(&id).map_or("?", |schema| schema.name.as_str())
    }

    /// Records what a relation or function needs, so that its dependents are found without a search.
    pub fn note_dependencies(&mut self, id: Id) {
        for on in self.needs_of(id) {
            self.dependents.entry(on).or_default().insert(id);
        }
        self.note_constraints(id);
    }

    /// Records the names of a relation's constraints, so that they are found without a search.
    fn note_constraints(&mut self, id: Id) {
        for constraint in self.relations.get(&id).into_iter().flat_map(|relation| &relation.constraints) {
            match self.constrained.get_mut(&constraint.name) {
                Some(known) => {
                    known.insert(id);
                }
                None => {
                    self.constrained.insert(constraint.name.clone(), BTreeSet::from([id]));
                }
            }
        }
    }

    /// Whether a relation of a schema has a constraint of that name.
    pub fn has_constraint(&self, schema: &str, name: &str) -> bool {
        self.constrained.get(name).into_iter().flatten().filter_map(|id| self.relations.get(id)).any(
            |relation| relation.constraint(name).is_some() && self.schema_name(relation.schema) == schema,
        )
    }

    /// Everything that a relation or function needs, each once, itself left out.
    fn needs_of(&self, id: Id) -> BTreeSet<Id> {
        let mut needs = BTreeSet::new();
        if let Some(relation) = self.relations.get(&id) {
            needs.extend(relation.depends.iter().map(|dependency| dependency.on));
            needs.extend(relation.parents.iter().copied());
            needs.extend(relation.of_type);
            for column in &relation.columns {
                needs.extend(column.ty.id);
                needs.extend(column.default_depends.iter().map(|dependency| dependency.on));
            }
            for constraint in &relation.constraints {
                needs.extend(constraint.depends.iter().map(|dependency| dependency.on));
                if let ConstraintKind::ForeignKey(reference) = &constraint.kind {
                    needs.insert(reference.table);
                }
            }
            needs.extend(relation.triggers.iter().filter_map(|trigger| trigger.function));
            for attached in relation.policies.iter().chain(&relation.rules) {
                needs.extend(attached.depends.iter().map(|dependency| dependency.on));
            }
            match &relation.kind {
                RelationKind::Index(index) => {
                    needs.insert(index.table);
                }
                RelationKind::Sequence(Sequence { owned_by: Some((table, _)), .. }) => {
                    needs.insert(*table);
                }
                _ => {}
            }
        }
        if let Some(ty) = self.types.get(&id) {
            needs.extend(ty.needs());
        }
        if let Some(other) = self.others.get(&id) {
            needs.extend(other.needs().map(|dependency| dependency.on));
            needs.extend(other.types.iter().flatten().filter_map(|ty| ty.id));
        }
        if let Some(function) = self.functions.get(&id) {
            needs.extend(function.parameters.iter().filter_map(|parameter| parameter.ty.id));
            needs.extend(function.result.iter().filter_map(|result| result.id));
            needs.extend(function.depends.iter().map(|dependency| dependency.on));
        }
        needs.remove(&id);
        needs
    }

    /// Relations, types, functions and other objects that need `id`, as far as is still true.
    pub fn dependents_of(&self, id: Id) -> Vec<Id> {
        let Some(candidates) = self.dependents.get(&id) else { return Vec::new() };
        candidates.iter().copied().filter(|candidate| self.needs_of(*candidate).contains(&id)).collect()
    }

    /// The indexes of a table.
    pub fn indexes_of(&self, table: Id) -> Vec<(Id, &Relation, &Index)> {
        let Some(candidates) = self.dependents.get(&table) else { return Vec::new() };
        candidates
            .iter()
            .filter_map(|id| self.relations.get(id).map(|relation| (*id, relation)))
            .filter_map(|(id, relation)| relation.index().map(|index| (id, relation, index)))
            .filter(|(_, _, index)| index.table == table)
            .collect()
    }

    /// Tables that inherit from, or are partitions of, a table; direct ones only.
    pub fn children_of(&self, table: Id) -> Vec<Id> {
        let Some(candidates) = self.dependents.get(&table) else { return Vec::new() };
        candidates
            .iter()
            .copied()
            .filter(|id| self.relations.get(id).is_some_and(|relation| relation.parents.contains(&table)))
            .collect()
    }

    /// Whether a schema may hold tables that are not known.
    pub fn is_open(&self, schema: Id) -> bool {
        self.open.contains(&schema)
    }

    /// Whether a schema is PostgreSQL's own.
    pub fn is_system_schema(name: &str) -> bool {
        matches!(name, "pg_catalog" | "information_schema")
            || name.starts_with("pg_toast")
            || name.starts_with("pg_temp")
    }

    /// Whether some constraint, or constraint trigger, is deferred from the start of a transaction.
    pub fn has_deferred(&self) -> bool {
        self.relations.values().any(|relation| {
            relation.constraints.iter().any(|constraint| constraint.deferred)
                || relation.triggers.iter().any(|trigger| {
                    trigger
                        .definition
                        .as_deref()
                        .is_some_and(|text| text.to_ascii_uppercase().contains("INITIALLY DEFERRED"))
                })
        })
    }

    /// Whether there is any table of the user's.
    pub fn has_user_tables(&self) -> bool {
        self.relations.values().any(|relation| {
            matches!(relation.kind, RelationKind::Table | RelationKind::PartitionedTable | RelationKind::View)
                && relation.extension.is_none()
        })
    }
}
