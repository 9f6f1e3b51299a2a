//! CREATE INDEX, and the keys of an index.

use super::context::{Context, range_name, strings};
use super::named::Named;
use super::naming::{index_columns, joined};
use super::partition::Whole;
use super::table_constraint::btree;
use super::table_shape::Shape;
use super::typing::{Ty, Typed, Types, from_ref};
use super::{Access, LockMode, Place, Presence, Transactional, Verdict};
use crate::catalog::{
    ColumnNumber, Dependency, Effect, Expr, Ident, Index, IndexKey, Name, ObjectRef, Origin, QName, Relation,
    RelationKind, builtin,
};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, deparse_expression, deparse_statement, protobuf};

/// The keys of an index and the columns that they use.
pub(super) struct Keys {
    /// The keys in order.
    pub(super) keys: Vec<IndexKey>,
    /// Every column used.
    pub(super) uses: Vec<ColumnNumber>,
    /// What expressions need beside the table.
    pub(super) depends: Vec<Dependency>,
}

impl<'a> Context<'a> {
    /// Analyses CREATE INDEX.
    pub(super) fn create_index(&mut self, node: &protobuf::IndexStmt) {
        self.adds();
        if node.concurrent {
            self.analysis.transactional = Transactional::No;
        }
        let Some(range) = &node.relation else { return };
        let Some(table) = self.need_relation(&range_name(range), self.span(range.location), "table") else {
            self.unplaced_index(node, &range_name(range));
            return;
        };
        self.lock(table, if node.concurrent { LockMode::ShareUpdateExclusive } else { LockMode::Share });
        let slot = self.slot();
        let Some(mut shape) = Shape::existing(self.catalog, table, slot) else { return };
        let (index, depends) = self.index_of(&mut shape, node);
        if let Some(there) = self.unnamed_index_there(&shape, node) {
            self.analysis.presence = Presence::Same { reason: format!("index `{there}` is there already") };
            self.provide(ObjectRef::relation(&there));
            return;
        }
        let name = if node.idxname.is_empty() {
            let columns = joined(&index_columns(elements(node)));
            let table = shape.name.name.clone();
            shape.chooser.relation(&table, &columns, "idx", false)
        } else {
            node.idxname.clone()
        };
        let name = QName::new(shape.name.schema.clone(), name);
        self.touch(Place::Relation(name.clone()), Access::Write);
        // A plain index is the same whether rows come before or after it; a unique one may refuse them.
        if node.unique {
            self.touch(Place::Rows(shape.name.clone()), Access::Read);
            self.touch(Place::Rules(shape.name.clone()), Access::Write);
            self.provide_key(&shape.name, &key_texts(&node.index_params), false);
        }
        self.provide(ObjectRef::relation(&name));
        self.index_effects(&mut shape, name, (index, depends), node);
    }

    /// An index without a name, which was there before under a name that PostgreSQL chose. Twice in one
    /// set is twice, as in PostgreSQL.
    fn unnamed_index_there(&self, shape: &Shape<'a>, node: &protobuf::IndexStmt) -> Option<QName> {
        if !node.idxname.is_empty() {
            return None;
        }
        let columns = joined(&index_columns(elements(node)));
        let chosen = super::naming::object_name(&shape.name.name, &columns, "idx");
        self.catalog.indexes_of(shape.id?).into_iter().find_map(|(id, relation, index)| {
            let name = self.catalog.relation_name(id);
            let number = name.name.strip_prefix(chosen.as_str())?;
            let fits = number.bytes().all(|byte| byte.is_ascii_digit());
            if !fits || relation.origin != Origin::Live || !index.valid {
                return None;
            }
            let object = ObjectRef::relation(&name);
            let presence = compare_index(shape, &name, index, node, object);
            matches!(presence, Presence::Same { .. }).then_some(name)
        })
    }

    fn index_effects(
        &mut self,
        shape: &mut Shape<'a>,
        name: QName,
        (index, depends): (Index, Vec<Dependency>),
        node: &protobuf::IndexStmt,
    ) {
        if let Some((_, relation)) = self.catalog.relation_at(&name) {
            self.analysis.presence = index_presence(self, shape, &name, relation, node);
            return;
        }
        let only = node.relation.as_ref().is_some_and(|range| !range.inh);
        let kind = RelationKind::Index(Box::new(index.clone()));
        let mut relation = Relation::new(shape.relation.schema, name.name.clone(), kind);
        relation.persistence = shape.relation.persistence;
        relation.options = super::alter_table::options_of(&node.options);
        relation.depends = depends;
        let (slot, options) = (shape.slot, relation.options.clone());
        shape.chooser.take_relation(&name.name);
        let tablespace = self.new_index_tablespace(&node.table_space, relation.persistence);
        self.analysis.effects.push(Effect::CreateRelation { name, slot, relation: Box::new(relation) });
        Self::place_index(&mut self.analysis.effects, slot, &tablespace);
        if !only {
            // An index on a partitioned table is made on each partition as well.
            let table = shape.relation.clone();
            let (id, options) = (slot.as_id(), &options);
            let whole = Whole { id, index: &index, constraint: None, options, tablespace, table: &table };
            if !self.index_below(shape, &whole) {
                super::partition::invalidate(&mut self.analysis.effects, slot.as_id());
            }
            self.analysis.effects.append(&mut shape.effects);
        }
    }

    /// An index on a table that is not there: says what it would make.
    fn unplaced_index(&mut self, node: &protobuf::IndexStmt, table: &crate::catalog::Name) {
        let table = self.catalog.created_as(table, self.path());
        if !node.idxname.is_empty() {
            let name = QName::new(table.schema.clone(), node.idxname.clone());
            self.touch(Place::Relation(name.clone()), Access::Write);
            self.provide(ObjectRef::relation(&name));
        }
        if node.unique {
            self.provide_key(&table, &key_texts(&node.index_params), false);
        }
    }

    fn index_of(&mut self, shape: &mut Shape<'a>, node: &protobuf::IndexStmt) -> (Index, Vec<Dependency>) {
        // Elements have no place of their own: their names are looked for after the table's.
        let location = node.relation.as_ref().map_or(-1, |range| range.location);
        let params: Vec<&protobuf::IndexElem> = node.index_params.iter().filter_map(element).collect();
        let method = method_of(&node.access_method);
        let Keys { keys, mut uses, mut depends } = self.index_keys(shape, &params, method, location);
        let include: Vec<ColumnNumber> = node
            .index_including_params
            .iter()
            .filter_map(element)
            .filter_map(|element| self.index_column(shape, &element.name, location))
            .collect();
        uses.extend(&include);
        let predicate = node.where_clause.as_deref().map(|node| {
            let outer = std::mem::take(&mut self.depends);
            let (expression, used) = self.index_predicate(shape, node);
            depends.extend(std::mem::replace(&mut self.depends, outer));
            uses.extend(used);
            expression
        });
        self.need_access_method(method);
        self.need_tablespace(&node.table_space);
        depends.retain(|need| Some(need.on) != shape.id);
        depends.sort_unstable();
        depends.dedup();
        let range = node.relation.as_ref();
        let index = Index {
            unique: node.unique,
            nulls_not_distinct: node.nulls_not_distinct,
            // ON ONLY a table with partitions: invalid until each partition's index is attached.
            valid: range.is_none_or(|range| range.inh)
                || shape.id.is_none_or(|table| !self.has_partitions(table)),
            method: method.to_owned(),
            keys,
            include,
            predicate,
            uses,
            ..btree(shape.any_id())
        };
        (index, depends)
    }

    /// Extensions bring access methods, which only a server with them can tell.
    pub(super) fn need_access_method(&mut self, method: &str) {
        const BUILTIN: [&str; 7] = ["btree", "hash", "gist", "gin", "spgist", "brin", "heap"];
        let there = BUILTIN.contains(&method)
            || self.catalog.others_of("access method").any(|(_, other)| other.name == method);
        if there {
            return;
        }
        let only_plpgsql = self.catalog.extensions.keys().all(|name| name == "plpgsql");
        if method.is_empty() {
            return;
        }
        let verdict = if only_plpgsql { Verdict::Invalid } else { Verdict::Unknown };
        let object = ObjectRef::Other { class: "access method".into(), name: method.to_owned() };
        self.need_object(object, verdict, self.statement.span, Code::DN208, "access method");
    }

    /// Requires a tablespace, if one is named; those of the server's own are always there.
    pub(super) fn need_tablespace(&mut self, name: &str) {
        if !name.is_empty() && !name.starts_with("pg_") {
            self.need_named(&Named::plain("tablespace", name), self.statement.span);
        }
    }

    /// Reads the keys of an index or an exclusion constraint.
    pub(super) fn index_keys(
        &mut self,
        shape: &Shape<'a>,
        elements: &[&protobuf::IndexElem],
        method: &str,
        location: i32,
    ) -> Keys {
        let mut found = Keys { keys: Vec::new(), uses: Vec::new(), depends: Vec::new() };
        for element in elements {
            let mut key = self.index_key(element, method);
            let (expression, collation) = without_collation(element.expr.as_deref());
            if key.collation.is_none() {
                key.collation = collation.map(|names| self.collation(names));
            }
            let plain = expression.and_then(|expression| plain_column(expression, shape));
            let ty = match expression.filter(|_| plain.is_none()) {
                Some(expression) => {
                    let outer = std::mem::take(&mut self.depends);
                    let (used, typed) = self.typed_expression(expression, &[shape.source()]);
                    found.uses.extend(used);
                    found.depends.extend(std::mem::replace(&mut self.depends, outer));
                    let text = deparse_expression(expression).unwrap_or_else(|| "?".into());
                    key.expression = Some(Expr::new(text));
                    let own = typed.collation.name_for(typed.ty);
                    key.collation = key.collation.filter(|said| is_another(said, own.as_deref()));
                    typed.ty
                }
                // A column in parentheses is a column.
                None => {
                    let name = plain.as_deref().unwrap_or(&element.name);
                    key.column = self.index_column(shape, name, location);
                    found.uses.extend(key.column);
                    let column = key.column.and_then(|number| shape.relation.column_numbered(number));
                    let own = column.and_then(|column| column.collation.as_deref());
                    key.collation = key.collation.filter(|said| is_another(said, own));
                    column.map_or(Ty::Unsure, |column| from_ref(&column.ty))
                }
            };
            if element.opclass.is_empty() {
                self.need_default_class(method, ty, location);
            } else {
                found.depends.extend(self.need_operator_class(&element.opclass, method));
            }
            found.keys.push(key);
        }
        found
    }

    /// Requires an operator class that is written; what an extension of this run brings is not known yet.
    pub(super) fn need_operator_class(
        &mut self,
        names: &[protobuf::Node],
        method: &str,
    ) -> Option<Dependency> {
        if !self.is_complete() {
            return None;
        }
        let class = Named::in_schema("operator class", Name::from_parts(&strings(names))).of(method);
        self.need_named(&class, self.statement.span)
    }

    /// Requires that keys of a type have a default operator class.
    pub(super) fn need_default_class(&mut self, method: &str, ty: Ty, location: i32) {
        let types = self.types();
        let lacks = |types: Types<'_>| matches!(types.default_class(method, ty), Some(None));
        let sure = self.is_complete() && (self.knows_server() || types.versions().all(lacks));
        if sure && lacks(types) {
            let ty = types.to_ref(&Typed::of(ty));
            let message = format!("type {ty} has no default operator class for `{method}`");
            let span = self.span(location);
            self.require(Vec::new(), span, Verdict::Invalid, Code::DN208, message, Vec::new());
        }
    }

    /// An operator class as the server writes it; none for the default of its type.
    pub(super) fn operator_class(&self, names: &[protobuf::Node], method: &str) -> Option<String> {
        let name = Name::from_parts(&strings(names));
        if name.name.is_empty() {
            return None;
        }
        let builtin = builtin::operator_classes(method).iter().find(|class| class.name == name.name);
        match (builtin, name.schema.as_deref()) {
            (Some(class), None | Some("pg_catalog")) => {
                (!class.default).then(|| Ident(&name.name).to_string())
            }
            (None, None) => {
                let found = self.catalog.others_of("operator class").find(|(_, other)| {
                    other.name == name.name && other.of.as_deref().is_none_or(|of| of == method)
                });
                let schema = found.and_then(|(_, other)| other.schema).map(|id| self.catalog.schema_name(id));
                let schema = schema.map_or_else(String::new, |schema| format!("{}.", Ident(schema)));
                Some(format!("{schema}{}", Ident(&name.name)))
            }
            (_, schema) => {
                let schema = schema.map_or_else(String::new, |schema| format!("{}.", Ident(schema)));
                Some(format!("{schema}{}", Ident(&name.name)))
            }
        }
    }

    fn index_key(&mut self, element: &protobuf::IndexElem, method: &str) -> IndexKey {
        let descending = element.ordering() == protobuf::SortByDir::SortbyDesc;
        IndexKey {
            column: None,
            expression: None,
            opclass: self.operator_class(&element.opclass, method),
            collation: Some(&element.collation)
                .filter(|names| !names.is_empty())
                .map(|names| self.collation(names)),
            descending,
            nulls_first: match element.nulls_ordering() {
                protobuf::SortByNulls::SortbyNullsFirst => true,
                protobuf::SortByNulls::SortbyNullsLast => false,
                _ => descending,
            },
        }
    }

    fn index_column(&mut self, shape: &Shape<'a>, name: &str, location: i32) -> Option<ColumnNumber> {
        let known = shape.relation.column(name).is_some();
        if known || !super::context::is_system_column(name) {
            return self.need_own_column(shape, name, location);
        }
        None
    }

    /// Reads the WHERE of a partial index or exclusion constraint.
    pub(super) fn index_predicate(
        &mut self,
        shape: &Shape<'a>,
        node: &protobuf::Node,
    ) -> (Expr, Vec<ColumnNumber>) {
        let used = self.expression(node, &[shape.source()]);
        (Expr::new(deparse_expression(node).unwrap_or_else(|| "?".into())), used)
    }
}

/// A key's expression without the COLLATE around it, which is the key's own.
fn without_collation(
    expression: Option<&protobuf::Node>,
) -> (Option<&protobuf::Node>, Option<&[protobuf::Node]>) {
    let (mut inner, mut collation) = (expression, None);
    while let Some(NodeEnum::CollateClause(collate)) = inner.and_then(|node| node.node.as_ref()) {
        inner = collate.arg.as_deref();
        collation = collation.or(Some(collate.collname.as_slice()));
    }
    (inner, collation)
}

/// Whether a collation is another than the one that a column or expression has itself (none for the type's).
fn is_another(said: &str, own: Option<&str>) -> bool {
    said != own.unwrap_or("\"default\"")
}

/// The column that an expression is, if it is nothing more.
pub(super) fn plain_column(expression: &protobuf::Node, shape: &Shape<'_>) -> Option<String> {
    match expression.node.as_ref()? {
        NodeEnum::ColumnRef(column) if column.fields.len() == 1 => {
            strings(&column.fields).pop().filter(|name| shape.relation.column(name).is_some())
        }
        _ => None,
    }
}

fn elements(node: &protobuf::IndexStmt) -> impl Iterator<Item = &protobuf::IndexElem> {
    node.index_params.iter().chain(&node.index_including_params).filter_map(element)
}

/// The keys of an index, or of ON CONFLICT, as texts: columns by name, expressions in parentheses.
pub(super) fn key_texts(params: &[protobuf::Node]) -> Vec<String> {
    params
        .iter()
        .filter_map(element)
        .map(|element| match element.expr.as_deref() {
            Some(expression) => format!("({})", deparse_expression(expression).unwrap_or_default()),
            None => element.name.clone(),
        })
        .collect()
}

/// The access method that is meant; `rtree` has long been another name of `gist`.
pub(super) fn method_of(written: &str) -> &str {
    match written {
        "" => "btree",
        "rtree" => "gist",
        method => method,
    }
}

pub(super) fn element(node: &protobuf::Node) -> Option<&protobuf::IndexElem> {
    match node.node.as_ref()? {
        NodeEnum::IndexElem(element) => Some(element),
        _ => None,
    }
}

/// Compares an index that is there with the one that is written.
fn index_presence(
    ctx: &Context<'_>,
    shape: &Shape<'_>,
    name: &QName,
    relation: &Relation,
    node: &protobuf::IndexStmt,
) -> Presence {
    let object = ObjectRef::relation(name);
    let tolerated = node.if_not_exists;
    let Some(old) = relation.index() else {
        return Presence::Different {
            object,
            expected: format!("index on {}", shape.name),
            actual: format!("{} {name}", relation.kind.noun()),
            tolerated,
        };
    };
    if old.table != shape.any_id() {
        return Presence::Different {
            object,
            expected: format!("index on {}", shape.name),
            actual: format!("index on {}", ctx.catalog.relation_name(old.table)),
            tolerated,
        };
    }
    // What a failed concurrent build left behind is no index, and not for this statement to judge.
    if !old.valid && matches!(shape.relation.kind, RelationKind::Table) {
        return Presence::Unknown { object, tolerated };
    }
    compare_index(shape, name, old, node, object)
}

fn compare_index(
    shape: &Shape<'_>,
    name: &QName,
    old: &Index,
    node: &protobuf::IndexStmt,
    object: ObjectRef,
) -> Presence {
    let written = written_index(shape, name, node);
    let actual = old.definition.clone().or_else(|| rebuilt(shape, name, old));
    super::compare::indexes((written.as_deref(), actual.as_deref()), object, node.if_not_exists)
}

/// The statement in one way of writing, with the names that are meant.
fn written_index(shape: &Shape<'_>, name: &QName, node: &protobuf::IndexStmt) -> Option<String> {
    let mut node = node.clone();
    node.idxname.clone_from(&name.name);
    node.concurrent = false;
    node.if_not_exists = false;
    if node.access_method.is_empty() {
        node.access_method = "btree".into();
    }
    if let Some(range) = &mut node.relation {
        range.schemaname.clone_from(&shape.name.schema);
    }
    deparse_statement(&NodeEnum::IndexStmt(Box::new(node)))
}

/// The definition of an index whose text the server was not asked for.
fn rebuilt(shape: &Shape<'_>, name: &QName, old: &Index) -> Option<String> {
    let column = |number: &ColumnNumber| {
        let column = shape.relation.column_numbered(*number)?;
        Some(crate::catalog::Ident(&column.name).to_string())
    };
    let mut keys = Vec::new();
    for key in &old.keys {
        let mut text = match (&key.column, &key.expression) {
            (Some(number), _) => column(number)?,
            (None, Some(expression)) => format!("({})", expression.text),
            (None, None) => return None,
        };
        for part in [
            key.collation.as_ref().map(|c| format!(" COLLATE {c}")),
            key.opclass.as_ref().map(|o| format!(" {o}")),
        ] {
            text.push_str(&part.unwrap_or_default());
        }
        text.push_str(match (key.descending, key.nulls_first) {
            (false, false) => "",
            (false, true) => " NULLS FIRST",
            (true, true) => " DESC",
            (true, false) => " DESC NULLS LAST",
        });
        keys.push(text);
    }
    let include: Option<Vec<String>> = old.include.iter().map(column).collect();
    let include = Some(include?.join(", ")).filter(|list| !list.is_empty());
    let ident = |text: &str| crate::catalog::Ident(text).to_string();
    let text = format!(
        "CREATE {}INDEX {} ON {}.{} USING {} ({}){}{}{}",
        if old.unique { "UNIQUE " } else { "" },
        ident(&name.name),
        ident(&shape.name.schema),
        ident(&shape.name.name),
        old.method,
        keys.join(", "),
        include.map_or_else(String::new, |list| format!(" INCLUDE ({list})")),
        if old.nulls_not_distinct { " NULLS NOT DISTINCT" } else { "" },
        old.predicate.as_ref().map_or_else(String::new, |expr| format!(" WHERE {}", expr.text)),
    );
    let Ok(NodeEnum::IndexStmt(node)) = crate::syntax::parse_sql_fragment(&text) else { return None };
    written_index(shape, name, &node)
}
