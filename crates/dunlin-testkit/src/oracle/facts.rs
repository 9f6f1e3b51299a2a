//! A catalog as facts by name, so that two can be compared whose ids, numbers and texts differ.

use super::details;
use dunlin::catalog::{
    Attached, Catalog, Column, Constraint, ConstraintKind, Function, Id, Index, IndexKey, Parameter,
    PartKind, Relation, RelationKind, Subject, Type, TypeKind, TypeRef,
};
use std::collections::BTreeMap;

/// A fact about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// It is the same on both sides or it is not.
    Exact(String),
    /// It is not known.
    Unknown,
    /// A text that the server writes in its own way; none where the simulation keeps no text.
    Text(Form, Option<String>),
}

/// What a text is, which tells how two of them are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Form {
    /// An expression over a table.
    Expression,
    /// A DEFAULT of a type.
    Default(String, TypeKey),
    /// A query.
    Query,
    /// A constraint's definition.
    Constraint,
    /// A CREATE TRIGGER.
    Trigger,
    /// What follows a policy's table.
    Policy,
    /// The rest of a statement that starts so, which is the same if it is spelled the same and unknown otherwise.
    After(&'static str),
    /// A text that nothing here can compare unless it is the same.
    Other,
}

/// A type, in a form that can be ordered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TypeKey {
    schema: String,
    name: String,
    modifiers: Option<String>,
    array: bool,
}

impl TypeKey {
    fn of(ty: &TypeRef) -> Self {
        let TypeRef { schema, name, modifiers, array, .. } = ty.clone();
        Self { schema, name, modifiers, array }
    }

    /// Gives the type again.
    pub(super) fn type_ref(&self) -> TypeRef {
        let Self { schema, name, modifiers, array } = self.clone();
        TypeRef { schema, name, modifiers, array, id: None }
    }
}

/// The facts of an object.
pub(super) type Facts = BTreeMap<&'static str, Value>;

/// Gives all objects of a catalog with their facts. What belongs to an extension is left out: the files do not
/// tell what an extension brings.
pub(super) fn facts(catalog: &Catalog) -> BTreeMap<String, Facts> {
    let mut all = Collected { catalog, objects: BTreeMap::new() };
    all.schemas();
    for (id, relation) in catalog.relations() {
        if relation.extension.is_none() && !all.is_of_extension(relation) {
            all.relation(id, relation);
        }
    }
    for (id, ty) in catalog.types().filter(|(_, ty)| ty.extension.is_none()) {
        all.ty(id, ty);
    }
    for (id, function) in catalog.functions().filter(|(_, function)| function.extension.is_none()) {
        all.function(id, function);
    }
    all.names();
    details::defaults(catalog, &mut all.objects);
    all.objects
}

pub(super) fn exact_text(value: impl ToString) -> Value {
    exact(value)
}

struct Collected<'a> {
    catalog: &'a Catalog,
    objects: BTreeMap<String, Facts>,
}

fn exact(value: impl ToString) -> Value {
    Value::Exact(value.to_string())
}

fn text(form: Form, value: Option<&str>) -> Value {
    Value::Text(form, value.map(str::to_owned))
}

/// A text that one side may have and the other not: its absence is a fact too.
fn optional(form: Form, value: Option<&str>) -> Value {
    match value {
        Some(value) => text(form, Some(value)),
        None => exact("none"),
    }
}

fn type_value(ty: &TypeRef) -> Value {
    if ty.is_unknown() { Value::Unknown } else { exact(ty) }
}

impl Collected<'_> {
    /// Puts an object with what it has beside its definition.
    fn put(&mut self, object: String, mut facts: Facts, of: &Subject) {
        details::add(self.catalog, of, &mut facts);
        self.objects.insert(object, facts);
    }

    fn schemas(&mut self) {
        for (id, schema) in self.catalog.schemas().filter(|(_, schema)| !schema.name.starts_with("pg_temp")) {
            let facts = Facts::from([("owner", exact(&schema.owner))]);
            self.put(format!("schema {}", schema.name), facts, &Subject::Object(id));
        }
    }

    /// Indexes and owned sequences are no members of the extension themselves; their table is.
    fn is_of_extension(&self, relation: &Relation) -> bool {
        let table = match &relation.kind {
            RelationKind::Index(index) => Some(index.table),
            RelationKind::Sequence(sequence) => sequence.owned_by.map(|(table, _)| table),
            _ => None,
        };
        table.and_then(|table| self.catalog.relation(table)).is_some_and(|table| table.extension.is_some())
    }

    /// The columns that expressions use, whose order and number mean nothing.
    fn used_columns(&self, relation: Id, numbers: &[i16]) -> String {
        let mut names =
            self.catalog.relation(relation).map(|relation| relation.names(numbers)).unwrap_or_default();
        names.sort();
        names.dedup();
        names.join(", ")
    }

    fn column_names(&self, relation: Id, numbers: &[i16]) -> String {
        self.catalog.relation(relation).map(|relation| relation.names(numbers).join(", ")).unwrap_or_default()
    }

    fn relation(&mut self, id: Id, relation: &Relation) {
        let catalog = self.catalog;
        let name = catalog.relation_name(id);
        let kind = match &relation.kind {
            RelationKind::PartitionedTable => "partitioned table",
            kind => kind.noun(),
        };
        let mut parents: Vec<String> =
            relation.parents.iter().map(|parent| catalog.relation_name(*parent).to_string()).collect();
        parents.sort();
        let columns: Vec<&str> = relation.columns.iter().map(|column| column.name.as_str()).collect();
        let of_type = relation.of_type.map(|ty| catalog.type_name(ty).to_string()).unwrap_or_default();
        let mut facts = Facts::from([
            ("kind", exact(kind)),
            ("owner", exact(&relation.owner)),
            ("persistence", exact(relation.persistence)),
            ("columns", exact(columns.join(", "))),
            ("inherits", exact(parents.join(", "))),
            ("of type", exact(of_type)),
            ("options", exact(relation.options.join(", "))),
            ("row security", exact(format!("{:?}", relation.row_security))),
            (
                "partition key",
                optional(Form::After("create table t () partition by"), relation.partition_key.as_deref()),
            ),
            ("partition columns", exact(self.used_columns(id, &relation.partition_columns))),
            (
                "partition bound",
                optional(Form::After("create table t partition of p"), relation.partition_bound.as_deref()),
            ),
            ("query", text(Form::Query, relation.query.as_deref())),
        ]);
        if !relation.columns_known {
            facts.insert("columns", Value::Unknown);
        }
        if !has_columns(relation) {
            facts.remove("columns");
        }
        match &relation.kind {
            RelationKind::Index(index) => self.index(&mut facts, index),
            RelationKind::Sequence(sequence) => {
                let owner = sequence.owned_by.map(|(table, number)| {
                    format!("{}.{}", catalog.relation_name(table), self.column_names(table, &[number]))
                });
                facts.insert("owned by", exact(owner.unwrap_or_default()));
                facts.insert("identity", exact(sequence.identity));
                facts.insert("definition", text(Form::Other, sequence.definition.as_deref()));
            }
            _ => {}
        }
        self.put(format!("relation {name}"), facts, &Subject::Object(id));
        if relation.columns_known && has_columns(relation) {
            for column in &relation.columns {
                let of = Subject::Column(id, column.number);
                self.put(format!("column {name}.{}", column.name), column_facts(column), &of);
            }
        }
        self.parts(id, relation, &name.to_string());
    }

    fn parts(&mut self, id: Id, relation: &Relation, name: &str) {
        for constraint in &relation.constraints {
            // The column says it, on every version of the server.
            if constraint.kind == ConstraintKind::NotNull && constraint.validated {
                continue;
            }
            let facts = self.constraint(id, constraint);
            let of = part(id, PartKind::Constraint, &constraint.name);
            self.put(format!("constraint {} on {name}", constraint.name), facts, &of);
        }
        for trigger in &relation.triggers {
            let function = trigger.function.map(|id| self.catalog.function_name(id).to_string());
            let facts = Facts::from([
                ("function", exact(function.unwrap_or_default())),
                ("columns", exact(self.used_columns(id, &trigger.columns))),
                ("definition", text(Form::Trigger, trigger.definition.as_deref())),
                ("above", exact(trigger.above.as_deref().unwrap_or_default())),
            ]);
            let of = part(id, PartKind::Trigger, &trigger.name);
            self.put(format!("trigger {} on {name}", trigger.name), facts, &of);
        }
        let attached = |form: Form, attached: &Attached| {
            Facts::from([("definition", text(form, attached.definition.as_deref()))])
        };
        for policy in &relation.policies {
            let of = part(id, PartKind::Policy, &policy.name);
            self.put(format!("policy {} on {name}", policy.name), attached(Form::Policy, policy), &of);
        }
        for rule in &relation.rules {
            let of = part(id, PartKind::Rule, &rule.name);
            self.put(format!("rule {} on {name}", rule.name), attached(Form::After(""), rule), &of);
        }
    }

    fn index(&self, facts: &mut Facts, index: &Index) {
        facts.extend([
            ("table", exact(self.catalog.relation_name(index.table))),
            ("method", exact(&index.method)),
            ("unique", exact(index.unique)),
            ("nulls not distinct", exact(index.nulls_not_distinct)),
            ("primary", exact(index.primary)),
            ("valid", exact(index.valid)),
            ("immediate", exact(index.immediate)),
            ("include", exact(self.column_names(index.table, &index.include))),
            (
                "predicate",
                optional(Form::Expression, index.predicate.as_ref().map(|expr| expr.text.as_str())),
            ),
            (
                "keys",
                exact(index.keys.iter().map(|key| self.key(index.table, key)).collect::<Vec<_>>().join(", ")),
            ),
        ]);
        const KEYS: [&str; 8] = ["key 1", "key 2", "key 3", "key 4", "key 5", "key 6", "key 7", "key 8"];
        for (name, key) in KEYS.into_iter().zip(&index.keys) {
            if let Some(expression) = &key.expression {
                facts.insert(name, text(Form::Expression, Some(&expression.text)));
            }
        }
    }

    /// A key without the text of its expression, which is compared apart.
    fn key(&self, table: Id, key: &IndexKey) -> String {
        let what = match key.column {
            Some(column) => self.column_names(table, &[column]),
            None => "(expression)".to_owned(),
        };
        let or_none = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
        let (opclass, collation) = (or_none(&key.opclass), or_none(&key.collation));
        let direction = if key.descending { "desc" } else { "asc" };
        let nulls = if key.nulls_first { "first" } else { "last" };
        format!("{what} {opclass} {collation} {direction} {nulls}")
    }

    fn constraint(&self, table: Id, constraint: &Constraint) -> Facts {
        let index = constraint.index.map(|index| self.catalog.relation_name(index).to_string());
        let columns = match constraint.kind {
            ConstraintKind::Check(_) => self.used_columns(table, &constraint.columns),
            _ => self.column_names(table, &constraint.columns),
        };
        let mut facts = Facts::from([
            ("columns", exact(columns)),
            ("index", exact(index.unwrap_or_default())),
            ("deferrable", exact(constraint.deferrable)),
            ("deferred", exact(constraint.deferred)),
            ("validated", exact(constraint.validated)),
            ("enforced", exact(constraint.enforced)),
            ("inherited", exact(constraint.inherited)),
        ]);
        let kind = match &constraint.kind {
            ConstraintKind::PrimaryKey => "primary key",
            ConstraintKind::Unique => "unique",
            ConstraintKind::NotNull => "not null",
            ConstraintKind::ForeignKey(reference) => {
                facts.extend([
                    ("references", exact(self.catalog.relation_name(reference.table))),
                    ("referenced columns", exact(self.column_names(reference.table, &reference.columns))),
                    ("on delete", exact(reference.on_delete)),
                    ("on update", exact(reference.on_update)),
                    ("match", exact(reference.matching)),
                ]);
                "foreign key"
            }
            ConstraintKind::Check(expression) => {
                facts.insert("expression", text(Form::Expression, Some(&expression.text)));
                "check"
            }
            ConstraintKind::Exclude => {
                facts.insert("definition", text(Form::Constraint, constraint.definition.as_deref()));
                "exclude"
            }
        };
        facts.insert("kind", exact(kind));
        facts
    }

    fn ty(&mut self, id: Id, ty: &Type) {
        let name = self.catalog.type_name(id);
        let mut facts = Facts::new();
        let kind = match &ty.kind {
            TypeKind::Enum(labels) => {
                let labels: Vec<&str> = labels.iter().map(|label| label.label.as_str()).collect();
                facts.insert("labels", exact(labels.join(", ")));
                "enum"
            }
            TypeKind::Domain(domain) => {
                facts.insert("base", type_value(&domain.base));
                facts.insert("not null", exact(domain.not_null));
                let default = domain.default.as_ref().map(|expr| expr.text.as_str());
                facts.insert("default", default_value(default, &domain.base));
                for constraint in &domain.constraints {
                    if let ConstraintKind::Check(expression) = &constraint.kind {
                        let facts = Facts::from([
                            ("expression", text(Form::Expression, Some(&expression.text))),
                            ("validated", exact(constraint.validated)),
                        ]);
                        let of = part(id, PartKind::Constraint, &constraint.name);
                        self.put(format!("constraint {} on domain {name}", constraint.name), facts, &of);
                    }
                }
                "domain"
            }
            TypeKind::Composite => "composite",
            TypeKind::Range => "range",
            TypeKind::Base => "base",
        };
        facts.insert("kind", exact(kind));
        self.put(format!("type {name}"), facts, &Subject::Object(id));
    }

    fn function(&mut self, id: Id, function: &Function) {
        let parameters: Vec<String> = function.parameters.iter().map(parameter).collect();
        let result = function.result.as_ref();
        let facts = Facts::from([
            ("kind", exact(format!("{:?}", function.kind))),
            ("parameters", exact(parameters.join(", "))),
            ("defaults", exact(function.defaults)),
            ("result", result.map_or_else(|| exact("none"), type_value)),
            ("set", exact(function.returns_set)),
            ("language", exact(&function.language)),
            ("volatility", exact(function.volatility)),
            ("body", text(Form::Other, function.body.as_deref())),
        ]);
        let name = self.catalog.function_name(id);
        self.put(format!("function {name}({})", function.signature()), facts, &Subject::Object(id));
    }

    fn names(&mut self) {
        let catalog = self.catalog;
        for name in catalog.extensions.keys() {
            let of = Subject::Extension(name.as_str().into());
            self.put(format!("extension {name}"), Facts::new(), &of);
        }
        for role in catalog.roles.iter().flatten() {
            let of = Subject::Role(role.as_str().into());
            self.put(format!("role {role}"), Facts::new(), &of);
        }
        for (id, other) in catalog.others().filter(|(_, other)| other.extension.is_none()) {
            let name = format!("{} {}", other.class, catalog.other_label(other));
            self.put(name, Facts::new(), &Subject::Object(id));
        }
    }
}

fn part(of: Id, kind: PartKind, name: &str) -> Subject {
    Subject::Part(of, kind, name.into())
}

/// Whether a relation has columns of its own; those of indexes and sequences follow from what they are.
fn has_columns(relation: &Relation) -> bool {
    !matches!(relation.kind, RelationKind::Index(_) | RelationKind::Sequence(_))
}

fn default_value(value: Option<&str>, ty: &TypeRef) -> Value {
    optional(Form::Default(ty.to_string(), TypeKey::of(ty)), value)
}

fn column_facts(column: &Column) -> Facts {
    let generated = column.generated.as_ref().map(|expr| expr.text.as_str());
    let default = column.default.as_ref().map(|expr| expr.text.as_str());
    Facts::from([
        ("type", type_value(&column.ty)),
        ("not null", exact(column.not_null)),
        ("default", default_value(default, &column.ty)),
        ("identity", exact(format!("{:?}", column.identity))),
        ("generated", optional(Form::Expression, generated)),
        ("collation", exact(column.collation.as_deref().unwrap_or("default"))),
        ("inherited", exact(column.inherited)),
    ])
}

fn parameter(parameter: &Parameter) -> String {
    format!("{} {} {}", parameter.mode, parameter.name.as_deref().unwrap_or("-"), parameter.ty)
}
