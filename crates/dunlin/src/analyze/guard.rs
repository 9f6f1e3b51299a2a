//! Conditions of IF in a body, evaluated against the catalog: `IF NOT EXISTS (SELECT … FROM pg_type …)`.

use super::context::strings;
use super::query_expr::string_constant;
use super::query_name::parse_name;
use super::{Access, Context, Place};
use crate::catalog::{ConstraintKind, Name, ObjectRef, QName, Relation, RelationKind, TypeKind};
use crate::syntax::{NodeEnum, protobuf};
use std::collections::BTreeMap;

/// What the WHERE of a query over PostgreSQL's own relations asks for.
#[derive(Debug, Default)]
struct Wanted {
    /// Column to the constant that it has to be equal to.
    equal: BTreeMap<String, String>,
    /// Whether there are conditions that are not understood.
    more: bool,
}

impl Wanted {
    fn get(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.equal.get(*name)).map(String::as_str)
    }
}

impl Context<'_> {
    /// Evaluates a condition; none where it cannot be known.
    pub(super) fn condition(&mut self, node: &protobuf::Node) -> Option<bool> {
        match node.node.as_ref()? {
            NodeEnum::BoolExpr(expression) => self.logical(expression),
            NodeEnum::AConst(_) | NodeEnum::TypeCast(_) => super::query_call::boolean(node),
            NodeEnum::NullTest(test) => {
                let there = self.named_by_reg(test.arg.as_deref()?)?;
                Some(there != (test.nulltesttype() == protobuf::NullTestType::IsNull))
            }
            NodeEnum::SubLink(link) => {
                let exists = link.sub_link_type() == protobuf::SubLinkType::ExistsSublink;
                let select = subselect(link)?;
                if exists {
                    return self.exists(select);
                }
                // (SELECT EXISTS (…))
                match select.target_list.as_slice() {
                    [target] if select.from_clause.is_empty() => match target.node.as_ref()? {
                        NodeEnum::ResTarget(target) => self.condition(target.val.as_deref()?),
                        _ => None,
                    },
                    _ => None,
                }
            }
            NodeEnum::AExpr(expression) => self.counted(expression),
            _ => None,
        }
    }

    fn logical(&mut self, expression: &protobuf::BoolExpr) -> Option<bool> {
        let values: Vec<Option<bool>> = expression.args.iter().map(|arg| self.condition(arg)).collect();
        match expression.boolop() {
            protobuf::BoolExprType::NotExpr => values.first().copied().flatten().map(|value| !value),
            protobuf::BoolExprType::AndExpr if values.contains(&Some(false)) => Some(false),
            protobuf::BoolExprType::OrExpr if values.contains(&Some(true)) => Some(true),
            protobuf::BoolExprType::AndExpr => values.iter().all(Option::is_some).then_some(true),
            protobuf::BoolExprType::OrExpr => values.iter().all(Option::is_some).then_some(false),
            _ => None,
        }
    }

    /// `(SELECT count(*) FROM …) = 0` and `> 0`.
    fn counted(&mut self, expression: &protobuf::AExpr) -> Option<bool> {
        let Some(NodeEnum::SubLink(link)) = expression.lexpr.as_ref()?.node.as_ref() else { return None };
        let Some(NodeEnum::AConst(constant)) = expression.rexpr.as_ref()?.node.as_ref() else { return None };
        let zero = matches!(&constant.val, Some(protobuf::a_const::Val::Ival(value)) if value.ival == 0);
        let select = subselect(link)?;
        let [target] = select.target_list.as_slice() else { return None };
        let Some(NodeEnum::ResTarget(target)) = target.node.as_ref() else { return None };
        let counts =
            matches!(target.val.as_ref()?.node.as_ref(), Some(NodeEnum::FuncCall(call)) if call.agg_star);
        if !zero || !counts || !select.group_clause.is_empty() {
            return None;
        }
        let exists = self.exists(select)?;
        match strings(&expression.name).as_slice() {
            [operator] if operator == "=" => Some(!exists),
            [operator] if operator == ">" || operator == "<>" => Some(exists),
            _ => None,
        }
    }

    /// `to_regclass('x')` and its like: whether there is such an object.
    fn named_by_reg(&mut self, node: &protobuf::Node) -> Option<bool> {
        let node = match node.node.as_ref()? {
            NodeEnum::TypeCast(cast) => cast.arg.as_deref()?,
            _ => node,
        };
        let NodeEnum::FuncCall(call) = node.node.as_ref()? else { return None };
        let function = strings(&call.funcname).pop()?;
        let [argument] = call.args.as_slice() else { return None };
        let text = match argument.node.as_ref()? {
            NodeEnum::TypeCast(cast) => string_constant(cast.arg.as_deref()?)?,
            _ => string_constant(argument)?,
        };
        let name = parse_name(text)?;
        let found = match function.as_str() {
            "to_regclass" => {
                for candidate in self.catalog.candidates(&name, self.path()) {
                    self.touch(Place::Relation(candidate), Access::Read);
                }
                self.catalog.find_relation(&name, self.path())
            }
            "to_regtype" => {
                for name in self.catalog.candidates(&name, self.path()) {
                    self.touch(Place::Object(ObjectRef::Type { name }), Access::Read);
                }
                self.catalog.find_type(&name, self.path())
            }
            _ => return None,
        };
        match found {
            crate::catalog::Found::Yes(_) => Some(true),
            crate::catalog::Found::No => Some(false),
            crate::catalog::Found::Unknown => None,
        }
    }

    /// Whether a query over PostgreSQL's own relations gives a row.
    fn exists(&mut self, select: &protobuf::SelectStmt) -> Option<bool> {
        let plain = select.larg.is_none()
            && select.group_clause.is_empty()
            && select.having_clause.is_none()
            && select.limit_offset.is_none()
            && select.with_clause.is_none()
            && !select.from_clause.is_empty();
        if !plain {
            return None;
        }
        let mut relations = Vec::new();
        let mut wanted = Wanted::default();
        for item in &select.from_clause {
            self.system_sources(item, &mut relations, &mut wanted)?;
        }
        if let Some(condition) = &select.where_clause {
            self.conjunct(condition, &mut wanted);
        }
        let there = self.has_row(&relations, &mut wanted)?;
        match (there, wanted.more) {
            (true, true) => None,
            (false, _) if self.catalog.clouded.is_some() => None,
            (there, _) => Some(there),
        }
    }

    fn system_sources(
        &self,
        item: &protobuf::Node,
        relations: &mut Vec<String>,
        wanted: &mut Wanted,
    ) -> Option<()> {
        match item.node.as_ref()? {
            NodeEnum::RangeVar(range) => {
                let name = super::context::range_name(range);
                if !self.is_system_relation(&name) {
                    return None;
                }
                let schema = match name.schema.as_deref() {
                    Some("information_schema") => "information_schema.",
                    _ => "",
                };
                relations.push(format!("{schema}{}", name.name));
                Some(())
            }
            NodeEnum::JoinExpr(join) if join.jointype() == protobuf::JoinType::JoinInner => {
                self.system_sources(join.larg.as_deref()?, relations, wanted)?;
                self.system_sources(join.rarg.as_deref()?, relations, wanted)?;
                if let Some(quals) = &join.quals {
                    self.conjunct(quals, wanted);
                } else {
                    wanted.more = true;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn conjunct(&self, node: &protobuf::Node, wanted: &mut Wanted) {
        match node.node.as_ref() {
            Some(NodeEnum::BoolExpr(and)) if and.boolop() == protobuf::BoolExprType::AndExpr => {
                and.args.iter().for_each(|arg| self.conjunct(arg, wanted));
            }
            Some(NodeEnum::BoolExpr(not)) if not.boolop() == protobuf::BoolExprType::NotExpr => {
                let dropped = not.args.first().and_then(column) == Some("attisdropped".into());
                wanted.more |= !dropped;
            }
            Some(NodeEnum::AExpr(expression)) => {
                if self.comparison(expression, wanted).is_none() {
                    wanted.more = true;
                }
            }
            _ => wanted.more = true,
        }
    }

    fn comparison(&self, expression: &protobuf::AExpr, wanted: &mut Wanted) -> Option<()> {
        let operator = strings(&expression.name).pop()?;
        let (left, right) = (expression.lexpr.as_deref()?, expression.rexpr.as_deref()?);
        let (name, other) = match column(left) {
            Some(name) => (name, right),
            None => (column(right)?, left),
        };
        if operator == ">" && name == "attnum" {
            return Some(());
        }
        if operator != "=" {
            return None;
        }
        if let Some(other) = column(other) {
            return (is_key(&name) && is_key(&other)).then_some(());
        }
        let value = self.value(other)?;
        match wanted.equal.insert(name, value.clone()) {
            Some(before) if before != value => None,
            _ => Some(()),
        }
    }

    /// The text of a constant, a list with one constant, or what stands for the current schema.
    fn value(&self, node: &protobuf::Node) -> Option<String> {
        let current = || self.catalog.creation_schema(self.path()).map(str::to_owned);
        match node.node.as_ref()? {
            NodeEnum::AConst(_) => string_constant(node).map(str::to_owned),
            NodeEnum::TypeCast(cast) => self.value(cast.arg.as_deref()?),
            NodeEnum::List(list) => match list.items.as_slice() {
                [only] => self.value(only),
                _ => None,
            },
            NodeEnum::SqlvalueFunction(function) => match function.op() {
                protobuf::SqlValueFunctionOp::SvfopCurrentSchema => current(),
                _ => None,
            },
            NodeEnum::FuncCall(call) => match strings(&call.funcname).pop()?.as_str() {
                "current_schema" => current(),
                "to_regclass" | "to_regtype" => match call.args.as_slice() {
                    [argument] => self.value(argument),
                    _ => None,
                },
                // There is one database: what it is called does not matter.
                "current_database" => Some(String::new()),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the wanted row is there, by the most specific of the relations; marks what it cannot judge.
    fn has_row(&mut self, relations: &[String], wanted: &mut Wanted) -> Option<bool> {
        let has = |name: &str| relations.iter().any(|relation| relation == name);
        let one = relations.len() == 1;
        if has("pg_enum") {
            return self.enum_row(wanted);
        }
        if (one && has("information_schema.columns")) || has("pg_attribute") {
            return self.column_row(wanted);
        }
        if (one && has("information_schema.table_constraints")) || has("pg_constraint") {
            return self.constraint_row(wanted);
        }
        if has("pg_trigger") || (one && has("information_schema.triggers")) {
            return self.attached_row(wanted, &["tgname", "trigger_name"], |relation, name| {
                relation.triggers.iter().any(|trigger| trigger.name == name)
            });
        }
        if (one && has("pg_policies")) || has("pg_policy") {
            return self.attached_row(wanted, &["policyname", "polname"], |relation, name| {
                relation.policies.iter().any(|policy| policy.name == name)
            });
        }
        if has("pg_type") {
            return self.type_row(wanted);
        }
        let relations_of = |kinds: &'static [&'static str]| one && kinds.iter().any(|name| has(name));
        if has("pg_class")
            || relations_of(&[
                "pg_tables",
                "pg_views",
                "pg_matviews",
                "pg_indexes",
                "pg_sequences",
                "information_schema.tables",
                "information_schema.views",
                "information_schema.sequences",
            ])
        {
            return self.relation_row(relations, wanted);
        }
        if one { self.other_row(&relations[0], wanted) } else { None }
    }

    fn other_row(&mut self, relation: &str, wanted: &mut Wanted) -> Option<bool> {
        match relation {
            "pg_namespace" | "information_schema.schemata" => {
                let name = only(wanted, &["nspname", "schema_name"])?;
                self.touch(Place::Schema(name.clone()), Access::Read);
                match self.catalog.find_schema(&name) {
                    crate::catalog::Found::Yes(_) => Some(true),
                    crate::catalog::Found::No => Some(false),
                    crate::catalog::Found::Unknown => None,
                }
            }
            "pg_extension" => {
                let name = only(wanted, &["extname"])?;
                let object = ObjectRef::Extension { name: name.clone() };
                self.touch(Place::Object(object), Access::Read);
                // plpgsql is there from the start.
                Some(name == "plpgsql" || self.catalog.extensions.contains_key(&name))
            }
            "pg_roles" | "pg_authid" => {
                let name = only(wanted, &["rolname"])?;
                self.touch(Place::Object(ObjectRef::Role { name: name.clone() }), Access::Read);
                Some(self.catalog.roles.as_ref()?.contains(&name))
            }
            "pg_proc" => {
                let name = only(wanted, &["proname"])?;
                let object =
                    ObjectRef::Function { name: QName::new("public", name.clone()), arguments: None };
                self.touch(Place::Object(object), Access::Read);
                if crate::catalog::builtin::is_function(&name) {
                    return None;
                }
                Some(self.catalog.functions().any(|(_, function)| function.name == name))
            }
            _ => None,
        }
    }

    /// The relations that the query can mean: by name, and schema where one is given.
    fn relations_named<'r>(&'r self, name: &'r str, schema: Option<&'r str>) -> Vec<(QName, &'r Relation)> {
        self.catalog
            .relations()
            .filter(|(_, relation)| relation.name == name)
            .map(|(id, relation)| (self.catalog.relation_name(id), relation))
            .filter(|(full, _)| schema.is_none_or(|schema| full.schema == schema))
            .collect()
    }

    /// The table that a row belongs to: `'t'::regclass` or its name.
    fn table_of(&mut self, wanted: &mut Wanted, by_oid: &str) -> Option<Vec<(QName, Relation)>> {
        let schema = take(wanted, SCHEMA);
        let written = match take(wanted, &[by_oid]) {
            Some(text) => parse_name(&text)?,
            None => Name {
                schema,
                name: take(wanted, &["table_name", "relname", "event_object_table", "tablename"])?,
            },
        };
        let schema = written.schema.as_deref();
        let found: Vec<(QName, Relation)> = self
            .relations_named(&written.name, schema)
            .into_iter()
            .map(|(name, relation)| (name, relation.clone()))
            .collect();
        for name in self.catalog.candidates(&written, self.path()) {
            self.touch(Place::Relation(name), Access::Read);
        }
        Some(found)
    }

    fn column_row(&mut self, wanted: &mut Wanted) -> Option<bool> {
        let column = take(wanted, &["column_name", "attname"])?;
        let tables = self.table_of(wanted, "attrelid")?;
        leftover(wanted);
        for (name, _) in &tables {
            self.touch(Place::Column(name.clone(), column.clone()), Access::Read);
        }
        if tables.iter().any(|(_, table)| table.column(&column).is_some()) {
            return Some(true);
        }
        tables.iter().all(|(_, table)| table.columns_known).then_some(false)
    }

    fn constraint_row(&mut self, wanted: &mut Wanted) -> Option<bool> {
        let name = take(wanted, &["conname", "constraint_name"])?;
        let kind = take(wanted, &["contype", "constraint_type"]);
        let tables = match self.table_of(wanted, "conrelid") {
            Some(tables) => tables,
            None => self
                .catalog
                .relations()
                .map(|(id, relation)| (self.catalog.relation_name(id), relation.clone()))
                .collect(),
        };
        leftover(wanted);
        for (table, _) in &tables {
            let object = ObjectRef::Constraint { relation: table.clone(), name: name.clone() };
            self.touch(Place::Object(object), Access::Read);
        }
        let mut found = tables.iter().flat_map(|(_, table)| &table.constraints).filter(|c| c.name == name);
        let is = |kind: &str, constraint: &ConstraintKind| match constraint {
            ConstraintKind::PrimaryKey => matches!(kind, "p" | "PRIMARY KEY"),
            ConstraintKind::Unique => matches!(kind, "u" | "UNIQUE"),
            ConstraintKind::ForeignKey(_) => matches!(kind, "f" | "FOREIGN KEY"),
            ConstraintKind::Check(_) | ConstraintKind::NotNull => matches!(kind, "c" | "CHECK" | "n"),
            ConstraintKind::Exclude => kind == "x",
        };
        Some(found.any(|found| kind.as_ref().is_none_or(|kind| is(kind, &found.kind))))
    }

    fn attached_row(
        &mut self,
        wanted: &mut Wanted,
        names: &[&str],
        has: impl Fn(&Relation, &str) -> bool,
    ) -> Option<bool> {
        let name = take(wanted, names)?;
        let tables = match self.table_of(wanted, "tgrelid") {
            Some(tables) => tables,
            None => self
                .catalog
                .relations()
                .map(|(id, relation)| (self.catalog.relation_name(id), relation.clone()))
                .collect(),
        };
        leftover(wanted);
        for (table, _) in &tables {
            self.touch(Place::Rules(table.clone()), Access::Read);
        }
        Some(tables.iter().any(|(_, table)| has(table, &name)))
    }

    fn type_row(&mut self, wanted: &mut Wanted) -> Option<bool> {
        let name = take(wanted, &["typname"])?;
        let schema = take(wanted, SCHEMA);
        leftover(wanted);
        if crate::catalog::builtin::is_type(&name) && schema.as_deref().is_none_or(|s| s == "pg_catalog") {
            return Some(true);
        }
        let candidate = Name { schema: schema.clone(), name: name.clone() };
        for name in self.catalog.candidates(&candidate, self.path()) {
            self.touch(Place::Object(ObjectRef::Type { name: name.clone() }), Access::Read);
            self.touch(Place::Relation(name), Access::Read);
        }
        let fits = |full: QName| full.name == name && schema.as_ref().is_none_or(|s| *s == full.schema);
        let types = self.catalog.types().any(|(id, _)| fits(self.catalog.type_name(id)));
        let rows = self
            .catalog
            .relations()
            .filter(|(_, found)| !matches!(found.kind, RelationKind::Index(_) | RelationKind::Sequence(_)))
            .any(|(id, _)| fits(self.catalog.relation_name(id)));
        Some(types || rows)
    }

    fn enum_row(&mut self, wanted: &mut Wanted) -> Option<bool> {
        let label = take(wanted, &["enumlabel"])?;
        let schema = take(wanted, SCHEMA);
        let name = match take(wanted, &["enumtypid"]) {
            Some(text) => parse_name(&text)?,
            None => Name { schema, name: take(wanted, &["typname"])? },
        };
        leftover(wanted);
        for name in self.catalog.candidates(&name, self.path()) {
            let object = ObjectRef::EnumLabel { name: name.clone(), label: label.clone() };
            self.touch(Place::Object(object), Access::Read);
            self.touch(Place::Object(ObjectRef::Type { name }), Access::Read);
        }
        let mut found = false;
        for (id, ty) in self.catalog.types() {
            let full = self.catalog.type_name(id);
            let fits = full.name == name.name && name.schema.as_ref().is_none_or(|s| *s == full.schema);
            if let (true, TypeKind::Enum(labels)) = (fits, &ty.kind) {
                found |= labels.iter().any(|known| known.label == label);
            }
        }
        Some(found)
    }

    fn relation_row(&mut self, relations: &[String], wanted: &mut Wanted) -> Option<bool> {
        let name = take(
            wanted,
            &[
                "relname",
                "tablename",
                "viewname",
                "matviewname",
                "indexname",
                "sequencename",
                "table_name",
                "sequence_name",
            ],
        );
        // pg_indexes has the table's name beside that of the index.
        let index = wanted.equal.remove("indexname");
        let name = index.or(name)?;
        let schema = take(wanted, SCHEMA);
        let kind = take(wanted, &["relkind", "table_type"]);
        leftover(wanted);
        let written = Name { schema: schema.clone(), name: name.clone() };
        for name in self.catalog.candidates(&written, self.path()) {
            self.touch(Place::Relation(name), Access::Read);
        }
        let view = relations.first().map_or("", |name| name.rsplit('.').next().unwrap_or(name));
        let found = self.relations_named(&name, schema.as_deref());
        Some(found.iter().any(|(_, relation)| {
            listed_in(view, &relation.kind)
                && kind.as_deref().is_none_or(|kind| is_kind(kind, &relation.kind))
        }))
    }
}

const SCHEMA: &[&str] = &[
    "table_schema",
    "schemaname",
    "nspname",
    "relnamespace",
    "typnamespace",
    "connamespace",
    "constraint_schema",
    "trigger_schema",
    "sequence_schema",
];

/// Whether the view of the catalog lists relations of a kind.
fn listed_in(view: &str, kind: &RelationKind) -> bool {
    match view {
        "pg_tables" => matches!(kind, RelationKind::Table | RelationKind::PartitionedTable),
        "tables" => matches!(
            kind,
            RelationKind::Table
                | RelationKind::PartitionedTable
                | RelationKind::View
                | RelationKind::ForeignTable
        ),
        "pg_views" | "views" => matches!(kind, RelationKind::View),
        "pg_matviews" => matches!(kind, RelationKind::MaterializedView),
        "pg_indexes" => matches!(kind, RelationKind::Index(_)),
        "pg_sequences" | "sequences" => matches!(kind, RelationKind::Sequence(_)),
        _ => true,
    }
}

fn is_kind(text: &str, kind: &RelationKind) -> bool {
    match kind {
        RelationKind::Table => matches!(text, "r" | "BASE TABLE"),
        RelationKind::PartitionedTable => matches!(text, "p" | "BASE TABLE"),
        RelationKind::ForeignTable => matches!(text, "f" | "FOREIGN"),
        RelationKind::View => matches!(text, "v" | "VIEW"),
        RelationKind::MaterializedView => text == "m",
        RelationKind::Index(_) => matches!(text, "i" | "I"),
        RelationKind::Sequence(_) => text == "S",
        RelationKind::Composite => text == "c",
    }
}

/// Takes a condition out of what is wanted.
fn take(wanted: &mut Wanted, names: &[&str]) -> Option<String> {
    let name = names.iter().find(|name| wanted.equal.contains_key(**name))?;
    wanted.equal.remove(*name)
}

/// Takes the only condition that is judged.
fn only(wanted: &mut Wanted, names: &[&str]) -> Option<String> {
    wanted.get(names)?;
    let value = take(wanted, names);
    leftover(wanted);
    value
}

/// What was not taken is not judged.
fn leftover(wanted: &mut Wanted) {
    // There is one database.
    for name in ["table_catalog", "catalog_name", "constraint_catalog"] {
        wanted.equal.remove(name);
    }
    wanted.more |= !wanted.equal.is_empty();
}

fn column(node: &protobuf::Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::ColumnRef(column) => strings(&column.fields).pop(),
        NodeEnum::TypeCast(cast) => column(cast.arg.as_deref()?),
        _ => None,
    }
}

/// Whether a column joins the catalogs' relations.
fn is_key(name: &str) -> bool {
    matches!(
        name,
        "oid"
            | "relnamespace"
            | "typnamespace"
            | "connamespace"
            | "pronamespace"
            | "enumtypid"
            | "attrelid"
            | "conrelid"
            | "tgrelid"
            | "polrelid"
    )
}

fn subselect(link: &protobuf::SubLink) -> Option<&protobuf::SelectStmt> {
    match link.subselect.as_ref()?.node.as_ref()? {
        NodeEnum::SelectStmt(select) => Some(select),
        _ => None,
    }
}
