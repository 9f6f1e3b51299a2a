//! The rows of one snapshot become a [`Catalog`]: object identifiers turn into [`Id`]s.

use super::parts::{self, Parts};
use super::rows::{
    ColumnRow, ConstraintRow, DependRow, FunctionRow, IndexRow, Oid, RelationRow, Rows, RuleRow, TypeRow,
};
use super::{definition, modifiers};
use crate::catalog::{
    Attached, Catalog, Column, ColumnNumber, Constraint, ConstraintKind, Dependency, Domain, EnumLabel, Expr,
    Function, FunctionKind, Id, Ident, Identity, Index, IndexKey, Origin, Parameter, Reference, Relation,
    RelationKind, Schema, Sequence, Trigger, Type, TypeKind, TypeRef,
};
use std::collections::{BTreeSet, HashMap};

/// From here on are the objects that initdb did not make.
const FIRST_NORMAL: Oid = 16384;

// Object identifiers of the system catalogs; they are fixed.
pub(super) const PG_TYPE: Oid = 1247;
pub(super) const PG_PROC: Oid = 1255;
pub(super) const PG_CLASS: Oid = 1259;
const PG_ATTRDEF: Oid = 2604;
pub(super) const PG_CONSTRAINT: Oid = 2606;
pub(super) const PG_REWRITE: Oid = 2618;
pub(super) const PG_TRIGGER: Oid = 2620;
pub(super) const PG_POLICY: Oid = 3256;
pub(super) const PG_NAMESPACE: Oid = 2615;
const PG_AMOP: Oid = 2602;
const PG_AMPROC: Oid = 2603;
const PG_OPCLASS: Oid = 2616;

/// The name under which the session's own temporary schema is kept, whatever its number.
pub(super) const TEMPORARY_SCHEMA: &str = "pg_temp";

/// Makes the catalog; the schema `journal` is left out.
pub(super) fn catalog(rows: &Rows, journal: &str) -> Catalog {
    let mut builder = Builder::new(rows);
    builder.add_schemas(journal);
    builder.reserve();
    builder.add_types();
    builder.add_functions();
    builder.add_relations();
    builder.add_others();
    builder.write_definitions();
    builder.settle_rows();
    builder.add_names();
    builder.add_details();
    builder.catalog
}

/// The catalog under construction.
pub(super) struct Builder<'r> {
    pub(super) rows: &'r Rows,
    pub(super) catalog: Catalog,
    /// Ids of the schemas that are kept.
    pub(super) schemas: HashMap<Oid, Id>,
    schema_names: HashMap<Oid, &'r str>,
    pub(super) relations: HashMap<Oid, Id>,
    pub(super) types: HashMap<Oid, Id>,
    pub(super) functions: HashMap<Oid, Id>,
    /// Objects that are kept by class and name, by catalog and identifier.
    pub(super) others: HashMap<(Oid, Oid), Id>,
    other_ids: BTreeSet<Id>,
    /// What the operators and functions of an operator class need.
    pub(super) class_members: HashMap<Oid, Vec<&'r DependRow>>,
    pub(super) type_rows: HashMap<Oid, &'r TypeRow>,
    pub(super) relation_rows: HashMap<Oid, &'r RelationRow>,
    roles: HashMap<Oid, &'r str>,
    collations: HashMap<Oid, String>,
    /// Operator classes that are not their type's default.
    opclasses: HashMap<Oid, String>,
    pub(super) depends: HashMap<(Oid, Oid), Vec<&'r DependRow>>,
    members: HashMap<(Oid, Oid), &'r str>,
    constraints: HashMap<Oid, &'r ConstraintRow>,
    columns: HashMap<Oid, Vec<&'r ColumnRow>>,
    /// Where the server was asked.
    pub(super) index_definitions: HashMap<Oid, &'r str>,
}

impl<'r> Builder<'r> {
    fn new(rows: &'r Rows) -> Builder<'r> {
        let mut depends: HashMap<(Oid, Oid), Vec<&DependRow>> = HashMap::new();
        for row in &rows.depends {
            depends.entry((row.class, row.object)).or_default().push(row);
        }
        let mut builder = Builder {
            rows,
            catalog: Catalog::default(),
            schemas: HashMap::new(),
            schema_names: rows.schemas.iter().map(|row| (row.oid, row.name.as_str())).collect(),
            relations: HashMap::new(),
            types: HashMap::new(),
            functions: HashMap::new(),
            others: HashMap::new(),
            other_ids: BTreeSet::new(),
            class_members: class_members(&depends),
            type_rows: rows.types.iter().map(|row| (row.oid, row)).collect(),
            relation_rows: rows.relations.iter().map(|row| (row.oid, row)).collect(),
            roles: HashMap::new(),
            collations: HashMap::new(),
            opclasses: HashMap::new(),
            depends,
            members: rows.members.iter().map(|(class, oid, name)| ((*class, *oid), name.as_str())).collect(),
            constraints: rows.constraints.iter().map(|row| (row.oid, row)).collect(),
            columns: parts::columns(rows),
            index_definitions: rows
                .indexes
                .iter()
                .filter_map(|row| Some((row.relation, row.definition.as_deref()?)))
                .collect(),
        };
        builder.index_names();
        builder
    }

    fn index_names(&mut self) {
        for row in &self.rows.names {
            let schema = row.schema.and_then(|oid| self.schema_names.get(&oid)).copied().unwrap_or_default();
            let qualified = match schema {
                "pg_catalog" => Ident(&row.name).to_string(),
                schema => format!("{}.{}", Ident(schema), Ident(&row.name)),
            };
            match row.class.as_str() {
                "role" => {
                    self.roles.insert(row.oid, &row.name);
                }
                // The server writes a collation's schema only where it is not pg_catalog, but quotes the name.
                "collation" => {
                    self.collations.insert(row.oid, qualified);
                }
                "opclass" => {
                    self.opclasses.insert(row.oid, qualified);
                }
                _ => {}
            }
        }
    }

    /// Whether a schema is `pg_catalog`.
    pub(super) fn is_system(&self, schema: Option<Oid>) -> bool {
        schema.and_then(|oid| self.schema_names.get(&oid)).is_some_and(|name| *name == "pg_catalog")
    }

    pub(super) fn role(&self, oid: Oid) -> String {
        self.roles.get(&oid).map_or_else(String::new, |name| (*name).to_owned())
    }

    pub(super) fn extension(&self, class: Oid, oid: Oid) -> Option<String> {
        self.members.get(&(class, oid)).map(|name| (*name).to_owned())
    }

    fn add_schemas(&mut self, journal: &str) {
        for row in &self.rows.schemas {
            let name = if row.own_temporary { TEMPORARY_SCHEMA } else { row.name.as_str() };
            let system = (row.name.starts_with("pg_") && !row.own_temporary) || name == "information_schema";
            if system || name == journal {
                continue;
            }
            let schema = Schema { name: name.to_owned(), owner: self.role(row.owner), origin: Origin::Live };
            let id = self.catalog.add_schema(schema);
            self.schemas.insert(row.oid, id);
        }
    }

    /// Gives every object its id first, since they refer to each other in circles.
    fn reserve(&mut self) {
        let catalog = self.rows.schemas.iter().find(|row| row.name == "pg_catalog").map(|row| row.oid);
        for row in &self.rows.relations {
            self.catalog.system_objects |= Some(row.schema) == catalog && row.kind != 'i';
            if self.schemas.contains_key(&row.schema) {
                self.relations.insert(row.oid, self.catalog.reserve());
            }
        }
        for row in &self.rows.types {
            self.catalog.system_objects |= row.oid >= FIRST_NORMAL && Some(row.schema) == catalog;
            if self.schemas.contains_key(&row.schema) && self.is_listed(row) {
                self.types.insert(row.oid, self.catalog.reserve());
            }
        }
        for row in &self.rows.functions {
            if self.schemas.contains_key(&row.schema) {
                self.functions.insert(row.oid, self.catalog.reserve());
            } else if self.is_system(Some(row.schema)) {
                self.catalog.system_functions.insert(row.name.clone());
            }
        }
        for row in &self.rows.others {
            if row.schema.is_none_or(|oid| self.schemas.contains_key(&oid)) {
                let id = self.catalog.reserve();
                self.others.insert((row.catalog, row.oid), id);
                self.other_ids.insert(id);
            }
        }
    }

    /// Arrays and the row types of tables are not types of their own here.
    fn is_listed(&self, row: &TypeRow) -> bool {
        match row.kind {
            'c' => self.relation_rows.get(&row.relation).is_some_and(|relation| relation.kind == 'c'),
            _ => !self.is_array(row),
        }
    }

    /// A type with subscripts need not be an array type: a point has them too.
    fn is_array(&self, row: &TypeRow) -> bool {
        row.element != 0 && self.type_rows.get(&row.element).is_some_and(|element| element.array == row.oid)
    }

    /// Refers to a type with its modifiers; `formatted` is what `format_type` gave for a type not built in.
    pub(super) fn type_ref(&self, oid: Oid, modifier: i32, formatted: Option<&str>) -> TypeRef {
        let Some(mut row) = self.type_rows.get(&oid).copied() else { return TypeRef::unknown() };
        let array = self.is_array(row);
        if array {
            row = self.type_rows.get(&row.element).copied().unwrap_or(row);
        }
        let schema = self.schema_names.get(&row.schema).copied().unwrap_or_default();
        let id = self.types.get(&row.oid).or_else(|| self.relations.get(&row.relation)).copied();
        let modifiers = match schema {
            "pg_catalog" => modifiers::of_builtin(&row.name, modifier),
            _ => formatted.and_then(modifiers::of_formatted),
        };
        let temporary = id.is_some() && schema.starts_with("pg_temp_");
        let schema = if temporary { TEMPORARY_SCHEMA } else { schema };
        TypeRef { schema: schema.to_owned(), name: row.name.clone(), modifiers, array, id }
    }

    fn add_types(&mut self) {
        let mut labels: HashMap<Oid, Vec<EnumLabel>> = HashMap::new();
        for (oid, label) in &self.rows.labels {
            let label = EnumLabel { label: label.clone(), origin: Origin::Live };
            labels.entry(*oid).or_default().push(label);
        }
        let mut checks: HashMap<Oid, Vec<Constraint>> = HashMap::new();
        for row in self.rows.constraints.iter().filter(|row| row.domain != 0) {
            checks.entry(row.domain).or_default().push(self.constraint(row));
        }
        for row in &self.rows.types {
            let (Some(id), Some(schema)) = (self.types.get(&row.oid), self.schemas.get(&row.schema)) else {
                continue;
            };
            let kind = match row.kind {
                'e' => TypeKind::Enum(labels.remove(&row.oid).unwrap_or_default()),
                'd' => TypeKind::Domain(Box::new(Domain {
                    base: self.type_ref(row.base, row.modifier, row.formatted.as_deref()),
                    not_null: row.not_null,
                    default: row.default.clone().map(Expr::new),
                    constraints: checks.remove(&row.oid).unwrap_or_default(),
                })),
                'c' => TypeKind::Composite,
                'r' | 'm' => TypeKind::Range,
                _ => TypeKind::Base,
            };
            let extension = self.extension(PG_TYPE, row.oid);
            let depends = self.depends_of(PG_TYPE, row.oid, None);
            let ty = Type {
                schema: *schema,
                name: row.name.clone(),
                kind,
                depends,
                extension,
                origin: Origin::Live,
            };
            self.catalog.add_type_as(*id, ty);
        }
    }

    fn add_functions(&mut self) {
        for row in &self.rows.functions {
            let (Some(id), Some(schema)) = (self.functions.get(&row.oid), self.schemas.get(&row.schema))
            else {
                continue;
            };
            let procedure = row.kind == 'p';
            let depends = self.depends_of(PG_PROC, row.oid, None);
            let function = Function {
                schema: *schema,
                name: row.name.clone(),
                kind: match row.kind {
                    'p' => FunctionKind::Procedure,
                    'a' => FunctionKind::Aggregate,
                    'w' => FunctionKind::Window,
                    _ => FunctionKind::Function,
                },
                parameters: self.parameters(row),
                defaults: usize::try_from(row.defaults).unwrap_or(0),
                result: (!procedure).then(|| self.type_ref(row.result, -1, None)),
                returns_set: row.returns_set,
                language: row.language.clone(),
                body: row.body.clone(),
                volatility: row.volatility,
                depends,
                extension: self.extension(PG_PROC, row.oid),
                origin: Origin::Live,
            };
            self.catalog.add_function_as(*id, function);
        }
    }

    /// Modes are stored only where one is not IN, all types only where there are output parameters.
    fn parameters(&self, row: &FunctionRow) -> Vec<Parameter> {
        let types = row.all_types.as_ref().unwrap_or(&row.inputs);
        let last = types.len().saturating_sub(1);
        let parameter = |(place, oid): (usize, &Oid)| {
            let name = row.names.as_ref().and_then(|names| names.get(place)).filter(|name| !name.is_empty());
            let mode = match row.modes.as_ref().and_then(|modes| modes.get(place)) {
                Some(mode) => char::from(mode.cast_unsigned()),
                None if row.variadic && place == last => 'v',
                None => 'i',
            };
            Parameter { name: name.cloned(), ty: self.type_ref(*oid, -1, None), mode }
        };
        types.iter().enumerate().map(parameter).collect()
    }

    /// What an object needs, objects that are not in the catalog and `but` (itself, its table) left out.
    fn depends_of(&self, class: Oid, object: Oid, but: Option<Oid>) -> Vec<Dependency> {
        let Some(rows) = self.depends.get(&(class, object)) else { return Vec::new() };
        let found: BTreeSet<Dependency> = rows
            .iter()
            .filter(|row| Some(row.on_object) != but || row.on_class != PG_CLASS)
            .filter_map(|row| self.dependency(row))
            .collect();
        found.into_iter().collect()
    }

    pub(super) fn dependency(&self, row: &DependRow) -> Option<Dependency> {
        let on = match row.on_class {
            PG_CLASS => self.relations.get(&row.on_object),
            PG_PROC => self.functions.get(&row.on_object),
            PG_NAMESPACE => self.schemas.get(&row.on_object),
            class if class != PG_TYPE => self.others.get(&(class, row.on_object)),
            _ => self.types.get(&row.on_object).or_else(|| {
                let ty = self.type_rows.get(&row.on_object)?;
                let element = if self.is_array(ty) { self.type_rows.get(&ty.element)? } else { ty };
                self.types.get(&element.oid).or_else(|| self.relations.get(&element.relation))
            }),
        };
        let column = ColumnNumber::try_from(row.on_sub).ok().filter(|number| *number > 0);
        Some(Dependency { on: *on?, column })
    }

    fn is_other(&self, id: Id) -> bool {
        self.other_ids.contains(&id)
    }

    /// The columns of `table` that an object needs.
    fn columns_needed(&self, class: Oid, object: Oid, table: Oid) -> BTreeSet<ColumnNumber> {
        let rows = self.depends.get(&(class, object)).into_iter().flatten();
        rows.filter(|row| row.on_class == PG_CLASS && row.on_object == table && row.on_sub > 0)
            .filter_map(|row| ColumnNumber::try_from(row.on_sub).ok())
            .collect()
    }

    fn add_relations(&mut self) {
        let mut parts = Parts::collect(self.rows);
        for row in &self.rows.relations {
            let (Some(id), Some(schema)) =
                (self.relations.get(&row.oid).copied(), self.schemas.get(&row.schema))
            else {
                continue;
            };
            let mut relation = Relation::new(*schema, row.name.clone(), RelationKind::Table);
            self.fill_facts(&mut relation, row);
            self.fill_kind(&mut relation, row, &mut parts);
            self.fill_attached(&mut relation, row.oid, &mut parts);
            self.catalog.add_relation_as(id, relation);
        }
    }

    fn fill_facts(&self, relation: &mut Relation, row: &RelationRow) {
        relation.owner = self.role(row.owner);
        relation.persistence = row.persistence;
        relation.row_security = row.row_security;
        relation.of_type = self.types.get(&row.of_type).copied();
        relation.options = row.options.clone().unwrap_or_default();
        relation.options.sort();
        relation.partition_bound.clone_from(&row.bound);
        relation.extension = match row.kind {
            'c' => self.extension(PG_TYPE, row.row_type),
            _ => self.extension(PG_CLASS, row.oid),
        };
        relation.bytes = row.bytes.unwrap_or(row.estimated_bytes).try_into().unwrap_or(0);
        // A foreign table's server, an access method.
        if !matches!(row.kind, 'i' | 'I' | 'S') {
            let needed = self.depends_of(PG_CLASS, row.oid, None);
            relation.depends = needed.into_iter().filter(|need| self.is_other(need.on)).collect();
            if row.kind == 'p' {
                relation.depends.extend(self.partition_key_needs(row.oid));
            }
        }
        relation.has_rows = match row.kind {
            'r' | 'm' if row.bytes == Some(0) => Some(false),
            _ => None,
        };
    }

    /// What the expressions of a partition key are made of, beside the table's own columns.
    fn partition_key_needs(&self, oid: Oid) -> BTreeSet<Dependency> {
        let own = self.relations.get(&oid);
        let rows = self.depends.get(&(PG_CLASS, oid)).into_iter().flatten();
        let of_table = rows.filter(|row| row.sub == 0 && row.kind == 'n' && row.on_class == PG_PROC);
        of_table.filter_map(|row| self.dependency(row)).filter(|need| Some(&need.on) != own).collect()
    }

    fn fill_kind(&self, relation: &mut Relation, row: &RelationRow, parts: &mut Parts<'r>) {
        relation.kind = match row.kind {
            'p' => RelationKind::PartitionedTable,
            'f' => RelationKind::ForeignTable,
            'v' => RelationKind::View,
            'm' => RelationKind::MaterializedView,
            'c' => RelationKind::Composite,
            'S' => RelationKind::Sequence(self.sequence(row.oid, parts)),
            'i' | 'I' => match parts.indexes.remove(&row.oid).and_then(|index| self.index(index)) {
                Some(index) => {
                    let needed = self.depends_of(PG_CLASS, row.oid, None);
                    relation.depends =
                        needed.into_iter().filter(|dependency| dependency.on != index.table).collect();
                    RelationKind::Index(Box::new(index))
                }
                None => RelationKind::Table,
            },
            _ => RelationKind::Table,
        };
        // A sequence is a relation of three columns to a query, which the model does not list.
        relation.columns_known = row.kind != 'S';
    }

    fn sequence(&self, oid: Oid, parts: &mut Parts<'r>) -> Sequence {
        let rows = self.depends.get(&(PG_CLASS, oid)).into_iter().flatten();
        let mut owners = rows.filter(|row| row.on_class == PG_CLASS && row.on_sub > 0);
        let owner = owners.find(|row| matches!(row.kind, 'a' | 'i'));
        let owned_by = owner.and_then(|row| {
            Some((*self.relations.get(&row.on_object)?, ColumnNumber::try_from(row.on_sub).ok()?))
        });
        let row = parts.sequences.remove(&oid);
        Sequence {
            owned_by,
            identity: owner.is_some_and(|row| row.kind == 'i'),
            definition: row.map(|row| definition::sequence(row, &self.type_ref(row.ty, -1, None))),
        }
    }

    fn index(&self, row: &IndexRow) -> Option<Index> {
        let count = usize::try_from(row.key_count).ok()?;
        let mut uses = self.columns_needed(PG_CLASS, row.relation, row.table);
        uses.extend(row.columns.iter().copied().filter(|number| *number > 0));
        Some(Index {
            table: *self.relations.get(&row.table)?,
            unique: row.unique,
            nulls_not_distinct: row.nulls_not_distinct,
            primary: row.primary,
            valid: row.valid,
            immediate: row.immediate,
            method: row.method.clone(),
            keys: (0..count).map(|place| self.index_key(row, place)).collect(),
            include: row.columns.iter().skip(count).copied().collect(),
            predicate: row.predicate.clone().map(Expr::new),
            uses: uses.into_iter().collect(),
            definition: None,
        })
    }

    fn index_key(&self, row: &IndexRow, place: usize) -> IndexKey {
        let column = row.columns.get(place).copied().filter(|number| *number > 0);
        let expression = row.expressions.as_ref().and_then(|all| all.get(place)).filter(|_| column.is_none());
        let option = row.options.get(place).copied().unwrap_or(0);
        IndexKey {
            column,
            expression: expression.map(Expr::new),
            opclass: row.opclasses.get(place).and_then(|oid| self.opclasses.get(oid)).cloned(),
            collation: self.index_collation(row, place, column),
            descending: option & 1 != 0,
            nulls_first: option & 2 != 0,
        }
    }

    /// An index has the collation of its column or expression, unless it says another.
    fn index_collation(&self, row: &IndexRow, place: usize, column: Option<ColumnNumber>) -> Option<String> {
        let collation = row.collations.get(place).copied().filter(|oid| *oid != 0)?;
        let says_another = match (column, &row.expressions) {
            (Some(number), _) => {
                let columns = self.columns.get(&row.table)?;
                columns.iter().find(|column| column.number == number)?.collation != collation
            }
            // Only the server knows the collation of an expression; it writes one that differs.
            (None, Some(expressions)) => {
                let written = format!("{} COLLATE ", expressions.get(place)?);
                self.index_definitions.get(&row.relation)?.contains(&written)
            }
            (None, None) => false,
        };
        self.collations.get(&collation).filter(|_| says_another).cloned()
    }

    fn fill_attached(&self, relation: &mut Relation, oid: Oid, parts: &mut Parts<'r>) {
        let mut defaults = parts.defaults.remove(&oid).unwrap_or_default();
        let columns = self.columns.get(&oid).map(Vec::as_slice).unwrap_or_default();
        relation.columns.reserve_exact(columns.len());
        for row in columns {
            let default = defaults.remove(&row.number);
            relation.columns.push(self.column(row, default));
        }
        relation.columns.sort_by_key(|column| column.number);
        for row in parts.constraints.remove(&oid).unwrap_or_default() {
            if !self.is_internal(row) {
                relation.constraints.push(self.constraint(row));
            }
        }
        for row in parts.triggers.remove(&oid).unwrap_or_default() {
            let mut columns = self.columns_needed(PG_TRIGGER, row.oid, oid);
            columns.extend(&row.columns);
            relation.triggers.push(Trigger {
                name: row.name.clone(),
                function: self.functions.get(&row.function).copied(),
                row: row.row,
                columns: columns.into_iter().collect(),
                definition: row.definition.clone(),
                above: row.above.clone(),
                origin: Origin::Live,
            });
        }
        for row in parts.policies.remove(&oid).unwrap_or_default() {
            let depends = self.depends_of(PG_POLICY, row.oid, None);
            let definition = Some(self.policy(row));
            let attached = Attached { name: row.name.clone(), depends, definition, origin: Origin::Live };
            relation.policies.push(attached);
        }
        for row in parts.rules.remove(&oid).unwrap_or_default() {
            self.add_rule(relation, row);
        }
        let parents = parts.parents.remove(&oid).unwrap_or_default();
        relation.parents = parents.iter().filter_map(|parent| self.relations.get(parent)).copied().collect();
        if let Some(row) = parts.partitioned.remove(&oid) {
            relation.partition_key.clone_from(&row.key);
            relation.partition_columns = row.columns.iter().copied().filter(|number| *number > 0).collect();
        }
    }

    fn add_rule(&self, relation: &mut Relation, row: &RuleRow) {
        let definition = row.definition.as_deref().map(|text| text.trim().to_owned());
        if row.of_view {
            relation.depends.extend(self.depends_of(PG_REWRITE, row.oid, Some(row.relation)));
            relation.query = definition.map(Into::into);
        } else {
            let depends = self.depends_of(PG_REWRITE, row.oid, None);
            relation.rules.push(Attached {
                name: row.name.clone(),
                depends,
                definition,
                origin: Origin::Live,
            });
        }
    }

    fn column(&self, row: &ColumnRow, default: Option<(Oid, &str)>) -> Column {
        let ty = self.type_ref(row.ty, row.modifier, row.formatted.as_deref());
        let of_type = self.type_rows.get(&row.ty).map_or(0, |ty| ty.collation);
        let collation = (row.collation != of_type).then(|| self.collations.get(&row.collation)).flatten();
        let mut column = Column::new(row.number, row.name.clone(), ty);
        column.not_null = row.not_null;
        column.identity = match row.identity {
            'a' => Some(Identity::Always),
            'd' => Some(Identity::ByDefault),
            _ => None,
        };
        column.collation = collation.cloned();
        column.inherited = row.inherited;
        column.local = row.local;
        if let Some((oid, text)) = default {
            column.default_depends = self.default_depends(row, oid);
            let expression = Some(Expr::new(text));
            if row.generated == '\0' { column.default = expression } else { column.generated = expression }
        }
        column
    }

    /// A default depends on its own column too; PostgreSQL 14 keeps what generated columns need with the column.
    fn default_depends(&self, row: &ColumnRow, default: Oid) -> Vec<Dependency> {
        let of_default = self.depends.get(&(PG_ATTRDEF, default)).into_iter().flatten();
        let of_column = self.depends.get(&(PG_CLASS, row.relation)).into_iter().flatten();
        let own = |depend: &DependRow| {
            depend.on_class == PG_CLASS
                && depend.on_object == row.relation
                && depend.on_sub == i32::from(row.number)
        };
        let found: BTreeSet<Dependency> = of_default
            .chain(of_column.filter(|depend| depend.sub == i32::from(row.number)))
            .filter(|depend| !own(depend))
            .filter_map(|depend| self.dependency(depend))
            .collect();
        found.into_iter().collect()
    }

    /// A foreign key to a partitioned table has a hidden twin for each partition.
    fn is_internal(&self, row: &ConstraintRow) -> bool {
        self.constraints.get(&row.parent).is_some_and(|parent| parent.relation == row.relation)
    }

    fn constraint(&self, row: &ConstraintRow) -> Constraint {
        let expression = || Expr::new(row.expression.clone().unwrap_or_default());
        let kind = match row.kind {
            'p' => ConstraintKind::PrimaryKey,
            'u' => ConstraintKind::Unique,
            'f' => ConstraintKind::ForeignKey(Reference {
                // A referenced table in the journal's schema has no id: 0 is nobody's.
                table: self.relations.get(&row.referenced).copied().unwrap_or(Id(0)),
                columns: row.referenced_columns.clone(),
                on_delete: row.on_delete,
                on_update: row.on_update,
                matching: row.matching,
            }),
            'x' => ConstraintKind::Exclude,
            'n' => ConstraintKind::NotNull,
            _ => ConstraintKind::Check(expression()),
        };
        Constraint {
            name: row.name.clone(),
            kind,
            columns: row.columns.clone(),
            index: self.relations.get(&row.index).copied(),
            deferrable: row.deferrable,
            deferred: row.deferred,
            validated: row.validated,
            enforced: row.enforced,
            inherited: row.inherited || row.parent != 0,
            local: row.local,
            no_inherit: row.no_inherit,
            parent: self.constraints.get(&row.parent).map(|parent| parent.name.clone()),
            depends: self.depends_of(PG_CONSTRAINT, row.oid, Some(row.relation)),
            definition: row.definition.clone(),
            origin: Origin::Live,
        }
    }
}

/// What the operators and functions that are part of an operator class need, by the class.
fn class_members<'r>(depends: &HashMap<(Oid, Oid), Vec<&'r DependRow>>) -> HashMap<Oid, Vec<&'r DependRow>> {
    let mut found: HashMap<Oid, Vec<&DependRow>> = HashMap::new();
    for rows in
        depends.iter().filter(|((class, _), _)| matches!(*class, PG_AMOP | PG_AMPROC)).map(|(_, rows)| rows)
    {
        for owner in rows.iter().filter(|row| row.on_class == PG_OPCLASS && row.kind == 'i') {
            found.entry(owner.on_object).or_default().extend(rows);
        }
    }
    found
}
